"""The lines of a chart, worked out from the points of a job's series. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from training_pipeline.schemas.metrics import MetricPoint
from training_pipeline.web.charts.view import Axis, ChartView

#: A value of a line: where, what, and its step where that is not where.
Value = list[float]
#: What of each point is drawn; None where there is nothing.
Read = Callable[[Sequence[MetricPoint]], list[float | None]]
#: So many values of a line can be told apart on a screen.
MOST_VALUES: Final = 600


@dataclass(frozen=True, slots=True)
class Line:
    """A line as the browser draws it. `raw` is what was measured, where `values` are smoothed."""

    key: str
    name: str
    #: The number of its colour, and of its dashes.
    look: int
    values: list[Value]
    raw: list[Value]
    #: Where it was best, if that is to be marked.
    best: Value | None = None

    def drawn(self) -> dict[str, Any]:
        """As JSON."""
        return {name: getattr(self, name) for name in ("name", "look", "values", "raw", "best")}


class Series:
    """The points of a job for a view of charts: as measured, and smoothed if requested.

    `start` and `end` bound the stretch of the axis that is shown, in its unit. A line has at most `most` values.
    """

    def __init__(
        self,
        measured: Sequence[MetricPoint],
        smoothed: Sequence[MetricPoint] | None,
        started_at: datetime | None,
        view: ChartView,
        *,
        start: float | None = None,
        end: float | None = None,
        most: int = MOST_VALUES,
    ) -> None:
        self._view, self._start, self._end, self._most = view, start, end, most
        since = started_at or (measured[0].measured_at if measured else None)
        self._measured = (measured, places(measured, view.x, since))
        self._smoothed = None if smoothed is None else (smoothed, places(smoothed, view.x, since))

    def line(
        self, key: str, name: str, look: int, read: Read, *, smooth: bool = True, best_at: int | None = None
    ) -> Line:
        """The line of what `read` finds; `best_at` is the step that is marked."""
        averages = self._smoothed if smooth else None
        raw = self._values(*self._measured, read)
        shown = raw if averages is None else self._values(*averages, read)
        best = None if best_at is None else next((value for value in raw if step_of(value) == best_at), None)
        return Line(
            key=key,
            name=name,
            look=look,
            values=short(thinned(shown, self._most)),
            raw=[] if averages is None else short(thinned(raw, self._most)),
            best=None if best is None else short([best])[0],
        )

    def _values(self, points: Sequence[MetricPoint], where: Sequence[float | None], read: Read) -> list[Value]:
        low = float("-inf") if self._start is None else self._start
        high = float("inf") if self._end is None else self._end
        least = 0.0 if self._view.scale == "log" else float("-inf")
        found = zip(points, where, read(points), strict=True)
        if self._view.x == "step":
            return [
                [at, value]
                for _, at, value in found
                if at is not None and value is not None and value > least and low <= at <= high
            ]
        return [
            [at, value, point.step]
            for point, at, value in found
            if at is not None and value is not None and value > least and low <= at <= high
        ]


def of(name: str) -> Read:
    """Reads one field of the points."""
    return lambda points: [getattr(point, name) for point in points]


def tokens_per_second(points: Sequence[MetricPoint]) -> list[float | None]:
    """The tokens since the point before, by the seconds since then; evaluations in between take their time, too."""
    found: list[float | None] = []
    before: MetricPoint | None = None
    for point in points:
        if point.tokens is None or before is None or before.tokens is None:
            found.append(None)
            before = point if point.tokens is not None else before
            continue
        seconds = (point.measured_at - before.measured_at).total_seconds()
        if seconds <= 0 or point.tokens <= before.tokens:
            found.append(None)
            continue
        found.append((point.tokens - before.tokens) / seconds)
        before = point
    return found


def step_of(value: Value) -> float:
    """The step that a value was measured at."""
    return value[2] if len(value) > 2 else value[0]


def places(points: Sequence[MetricPoint], x: Axis, since: datetime | None) -> Sequence[float | None]:
    """Where the points stand on the axis; None where that was not measured. Seconds count from `since`."""
    if x == "time":
        return [None if since is None else round((point.measured_at - since).total_seconds(), 2) for point in points]
    if x == "step":
        return [point.step for point in points]
    return [point.tokens if x == "tokens" else point.epoch for point in points]


def thinned(values: Sequence[Value], most: int) -> list[Value]:
    """All where they are at most `most`; else lowest and highest of equal shares, in their order."""
    if len(values) <= most:
        return [*values]
    shares = most // 2
    kept: list[Value] = []
    for number in range(shares):
        share = values[len(values) * number // shares : len(values) * (number + 1) // shares]
        numbers = [value[1] for value in share]
        kept += [share[at] for at in sorted({numbers.index(min(numbers)), numbers.index(max(numbers))})]
    return kept


def short(values: Sequence[Value]) -> list[Value]:
    """With five digits: a pixel is no finer, and the page half as long."""
    return [[round(value[0], 5), float(f"{value[1]:.5g}"), *value[2:]] for value in values]
