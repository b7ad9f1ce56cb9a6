from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.schemas.metrics import MetricPoint
from training_pipeline.web.charts.lines import Series, of, step_of, thinned, tokens_per_second
from training_pipeline.web.charts.view import ChartView

START = datetime(2026, 11, 28, 12, tzinfo=UTC)


def at(step: int, **values: Any) -> MetricPoint:
    """A point that was measured two seconds a step after the start."""
    blank = dict.fromkeys(MetricPoint.model_fields)
    measured_at = START + timedelta(seconds=2 * step)
    return MetricPoint.model_validate({**blank, "step": step, "measured_at": measured_at, **values})


POINTS = [at(step, val_loss=loss, tokens=100 * step, epoch=step / 4) for step, loss in ((1, 2.0), (2, 0.0), (4, 1.5))]


def drawn(view: ChartView, **more: Any) -> list[list[float]]:
    return Series(POINTS, None, START, view, **more).line("k", "n", 1, of("val_loss")).values


def test_where_a_value_stands_on_each_axis_with_its_step() -> None:
    assert drawn(ChartView()) == [[1, 2.0], [2, 0.0], [4, 1.5]]
    assert drawn(ChartView(x="tokens")) == [[100, 2.0, 1], [200, 0.0, 2], [400, 1.5, 4]]
    assert drawn(ChartView(x="epoch"))[-1] == [1.0, 1.5, 4]
    assert drawn(ChartView(x="time"))[-1] == [8.0, 1.5, 4]


def test_time_counts_from_the_first_point_where_no_start_is_known() -> None:
    line = Series(POINTS, None, None, ChartView(x="time")).line("k", "n", 1, of("val_loss"))
    assert [value[0] for value in line.values] == [0.0, 2.0, 6.0]


def test_a_log_scale_has_no_place_for_nothing_and_a_stretch_ends_where_it_says() -> None:
    assert [value[0] for value in drawn(ChartView(scale="log"))] == [1, 4]
    assert [value[0] for value in drawn(ChartView(x="time"), start=4.0, end=8.0)] == [4.0, 8.0]


def test_the_best_step_is_marked_on_every_axis_where_it_was_measured() -> None:
    smoothed = [point.model_copy(update={"val_loss": 9.0}) for point in POINTS]
    for x in ("step", "tokens", "epoch", "time"):
        series = Series(POINTS, smoothed, START, ChartView.parse({"x": x, "smoothing": "0.9"}))
        line = series.line("k", "n", 1, of("val_loss"), best_at=4)
        assert line.best is not None
        assert (step_of(line.best), line.best[1]) == (4, 1.5)
        assert {value[1] for value in line.values} == {9.0}
        assert [value[1] for value in line.raw] == [2.0, 0.0, 1.5]
    whole = series.line("k", "n", 1, of("val_loss"), smooth=False, best_at=3)
    assert (whole.best, whole.raw, whole.values[0][1]) == (None, [], 2.0)


def test_tokens_a_second_since_the_point_before() -> None:
    later = at(5, tokens=400)  # an evaluation: no token more
    found = tokens_per_second([*POINTS, at(4), later, at(6, tokens=800)])
    assert found == [None, 50.0, 50.0, None, None, 100.0]


@given(st.lists(st.floats(-1e3, 1e3), max_size=200), st.integers(2, 40))
def test_a_thinned_line_keeps_its_extremes_and_its_order(numbers: list[float], most: int) -> None:
    values = [[float(place), number] for place, number in enumerate(numbers)]
    found = thinned(values, most)
    assert len(found) <= max(most, 1)
    assert all(value in values for value in found)
    assert found == sorted(found)
    if values:
        assert min(value[1] for value in found) == min(numbers)
        assert max(value[1] for value in found) == max(numbers)
