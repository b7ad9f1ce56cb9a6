from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.smoothing import MOST_SMOOTHING, smoothed

VALUES = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30)
WEIGHTS = st.floats(0, MOST_SMOOTHING)


@given(VALUES, WEIGHTS)
def test_each_is_the_weighted_mean_of_itself_and_all_before_it(values: list[float], weight: float) -> None:
    for last, found in enumerate(smoothed(values, weight)):
        weights = [weight ** (last - place) for place in range(last + 1)]
        mean = sum(w * value for w, value in zip(weights, values, strict=False)) / sum(weights)
        assert found == pytest.approx(mean, abs=1e-6)


@given(VALUES)
def test_no_weight_leaves_the_values(values: list[float]) -> None:
    assert smoothed(values, 0.0) == values


@given(st.floats(-1e3, 1e3), WEIGHTS)
def test_what_never_changes_stays_what_it_is(value: float, weight: float) -> None:
    assert smoothed([value] * 5, weight) == pytest.approx([value] * 5)
