from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.cli.render.metrics import BARS, bars, spread

FIGURES = st.floats(-1e6, 1e6)


@given(st.lists(FIGURES, min_size=1, max_size=300), st.integers(1, 60))
def test_a_line_of_bars_has_the_width_and_both_ends_of_the_scale(values: list[float], width: int) -> None:
    line = bars(values, width)
    assert len(line) == min(width, len(values))
    assert set(line) <= set(BARS)
    assert BARS[0] in line


def test_a_falling_loss_falls() -> None:
    assert bars([8, 7, 6, 5, 4, 3, 2, 1], 8) == BARS[::-1]
    assert bars([1.0, 1.0], 8) == BARS[0] * 2
    assert bars([9, 7, 1, 1], 2) == BARS[-1] + BARS[0]


@given(st.integers(0, 200), st.integers(2, 20))
def test_a_few_steps_of_many(count: int, rows: int) -> None:
    points = list(range(count))
    found = spread(points, rows)
    assert len(found) == min(count, rows)
    assert found == sorted(set(found))
    assert not points or (found[0], found[-1]) == (points[0], points[-1])
