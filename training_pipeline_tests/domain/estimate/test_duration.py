from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.estimate.duration import EMPIRICAL_FROM, Past, predict

CHANCE = np.random.default_rng(7)


def jobs(count: int, *, slope: float = 1.0, spread: float = 0.2) -> list[Past]:
    """Jobs of very different size, with a speed that varies."""
    works = np.exp(CHANCE.uniform(5, 12, count))
    return [Past(float(work), float(0.01 * work**slope * math.exp(spread * CHANCE.normal()))) for work in works]


@pytest.mark.parametrize("count", [1, 2, 5, 12, 30])
@pytest.mark.parametrize("slope", [1.0, 0.7])
def test_the_interval_holds_about_as_many_as_it_says(count: int, slope: float) -> None:
    """Each predicted from others like it: at least the 72 of a hundred that are asked for, and not all."""
    held = []
    for _ in range(400):
        *past, new = jobs(count + 1, slope=slope)
        found = predict(past, new.work)
        assert found.low <= found.middle <= found.high
        held.append(found.low <= new.seconds <= found.high)
    wide = count < 3 or slope != 1.0  # hardly anything is known: honest is wide
    assert 0.72 <= np.mean(held) <= (1.0 if wide else 0.92)


def test_the_interval_narrows_with_what_is_known() -> None:
    past = jobs(40, spread=0.1)
    widths = [math.log((found := predict(past[:count], 1e4)).high / found.low) for count in (1, 4, 15, 40)]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.5 < widths[0]


def test_far_from_what_is_known_it_is_wider() -> None:
    past = [Past(1000.0 * factor, 100.0 * factor) for factor in (1, 1.1, 1.2, 1.3)]
    near, far = predict(past, 1150.0), predict(past, 1e6)
    assert near.middle == pytest.approx(115, rel=0.02)
    assert far.high / far.low > near.high / near.low


@given(
    past=st.lists(
        st.builds(Past, st.floats(1e-3, 1e12), st.floats(1e-3, 1e7)), min_size=1, max_size=2 * EMPIRICAL_FROM
    ),
    work=st.floats(1e-3, 1e12),
)
def test_whatever_is_known_the_answer_is_finite(past: list[Past], work: float) -> None:
    found = predict(past, work)
    assert 0 < found.low <= found.middle <= found.high < math.inf


def test_nothing_is_known_of_nothing() -> None:
    with pytest.raises(ValueError, match="no trainings"):
        predict([], 1.0)
