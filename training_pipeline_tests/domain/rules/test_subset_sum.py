"""The closest sum is found, and really made of the sizes, compared with trying every subset."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.domain.rules.subset_sum import nearest_subset


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=9),
    wanted=st.fractions(min_value=0, max_value=150, max_denominator=7),
    most=st.integers(1, 200),
)
def test_closest_of_all_subsets(sizes: list[int], wanted: Fraction, most: int) -> None:
    most = max(most, min(sizes))
    sums = {sum(chosen) for count in range(1, len(sizes) + 1) for chosen in combinations(sizes, count)}
    closest = min((total for total in sums if total <= most), key=lambda total: (abs(total - wanted), total))
    found = nearest_subset(np.array(sizes), wanted, most=most)
    assert len(set(found.tolist())) == len(found)
    assert sum(sizes[index] for index in found) == closest


def test_of_equal_sizes_the_first_ones() -> None:
    assert sorted(nearest_subset(np.array([5, 3, 3, 3, 5]), Fraction(11), most=20).tolist()) == [0, 1, 2]


def test_millions_with_many_equal_sizes() -> None:
    sizes = np.concatenate([np.full(300_000, 10), np.full(100_000, 14), np.array([999_999])])
    found = nearest_subset(sizes, Fraction(2_000_001), most=2_500_000)
    assert int(sizes[found].sum()) == 2_000_001
