"""The curves of several jobs over each other: a chart for each metric, a line for each job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from training_pipeline.schemas.comparison import ComparedJob
from training_pipeline.schemas.metrics import TrainingJobMetrics
from training_pipeline.training_jobs.store.metric_series import FIRST_STEP, LAST_STEP
from training_pipeline.web.charts.lines import Line, Read, Series, of, tokens_per_second
from training_pipeline.web.charts.metric_chart import MetricChart, Titles
from training_pipeline.web.charts.options import HINT, ChartOptions, Legend, Stretch
from training_pipeline.web.charts.view import AXES
from training_pipeline.web.comparison.view import ComparisonView
from training_pipeline.web.elements import Tag, button, empty, panel

Curves = tuple[TrainingJobMetrics, TrainingJobMetrics | None]
Go = Callable[[ComparisonView], Awaitable[None]]
#: So many values of each series are asked for, all jobs together: eight lines have the pixels that one has.
_RESOLUTION: Final = 800
_LEAST, _MOST = 100, 300
LETTERS: Final = "ABCDEFGH"

#: What a chart shows, what is read, and the series whose best step is marked.
_CHARTS: Final[tuple[tuple[Titles, Read, str | None], ...]] = (
    (Titles("Validation loss", "nats per token", "number"), of("val_loss"), "val_loss"),
    (Titles("Training loss", "nats per token", "number"), of("train_loss"), None),
    (Titles("Validation accuracy", "share of tokens", "share", log=False), of("val_accuracy"), None),
    (Titles("Training accuracy", "share of tokens", "share", log=False), of("train_accuracy"), None),
    (Titles("Learning rate", "learning rate", "small", smooth=False), of("learning_rate"), None),
    (Titles("Gradient norm", "before clipping", "number"), of("grad_norm"), None),
    (Titles("Throughput", "tokens a second", "number", log=False, smooth=False), tokens_per_second, None),
)


class CurvesPanel:
    """Charts, what is chosen about them, and the legend. `go` is called with another view."""

    def __init__(self, jobs: Sequence[ComparedJob], view: ComparisonView, go: Go) -> None:
        self._go, self._view = go, view
        with panel("Curves", name="curves") as head:
            with head:
                Tag("span", classes="grow")
                self._whole = button("Whole series", kind="quiet small", picture="reset")
                self._whole.when("click", lambda: go(self._view.with_(start=None, end=None)))
            self._nothing = Tag("div")
            with self._nothing:
                empty("chart", "No metrics yet.", "Charts appear after the first training steps.")
            self._area = Tag("div")
            with self._area:
                with Tag("div", classes="chart-bar"):
                    self._options = ChartOptions(self._changed)
                    self._stretch = Stretch(self._typed)
                names = [(job.id, named(job, letter)) for job, letter in zip(jobs, LETTERS, strict=False)]
                self._legend = Legend(names, lambda key: go(self._view.toggled(key)))
                with Tag("div", classes="charts"):
                    self._charts = [MetricChart(titles, self._zoomed, file="comparison") for titles, *_ in _CHARTS]
                Tag("p", HINT, classes="help")

    def choose(self, view: ComparisonView) -> None:
        """Show what is chosen, before it is drawn. The next change is one of this view."""
        self._view = view
        self._options.show(view)
        self._legend.show(view)
        self._stretch.show("Seconds" if view.x == "time" else AXES[view.x][0], view.start, view.end)
        self._whole.set_visibility(view.zoomed)

    def show(self, jobs: Sequence[ComparedJob], curves: Mapping[str, Curves], view: ComparisonView) -> None:
        """Draw these series, for this view."""
        self.choose(view)
        some = any(measured.series for measured, _ in curves.values())
        self._nothing.set_visibility(not some)
        self._area.set_visibility(some)
        shown = list(_shown(jobs, curves, view))
        for chart, (titles, read, marked) in zip(self._charts, _CHARTS, strict=True):
            chart.show([_line(each, titles, read, marked) for each in shown], view)

    async def _changed(self, **changes: Any) -> None:
        await self._go(self._view.on_axis(changes["x"]) if "x" in changes else self._view.with_(**changes))

    async def _zoomed(self, start: float, end: float, _first: int, _last: int) -> None:
        if end > start:
            await self._go(self._view.with_(start=float(f"{start:.6g}"), end=float(f"{end:.6g}")))

    async def _typed(self, end: str, value: float | None) -> None:
        changed = {"start": self._view.start, "end": self._view.end, end: value}
        first, last = changed["start"], changed["end"]
        if value is None or (value >= 0 and (first is None or last is None or first < last)):
            await self._go(self._view.with_(**changed))


def named(job: ComparedJob, letter: str) -> str:
    """What a job goes by on the page."""
    return f"{letter} {job.model_name} ({job.id})"


def resolution(view: ComparisonView) -> int:
    """So many values of each series of one job are asked for."""
    return min(max(_RESOLUTION // max(len(view.jobs), 1), _LEAST), _MOST)


def steps_of(view: ComparisonView) -> tuple[int, int]:
    """The steps that are to be loaded: the stretch itself where the axis counts steps, else all."""
    if view.x != "step":
        return FIRST_STEP, LAST_STEP
    first = FIRST_STEP if view.start is None else min(int(view.start), LAST_STEP)
    last = LAST_STEP if view.end is None else min(int(view.end), LAST_STEP)
    return (first, last) if first <= last else (FIRST_STEP, LAST_STEP)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A job whose lines are not hidden."""

    job: ComparedJob
    letter: str
    series: Series


def _shown(jobs: Sequence[ComparedJob], curves: Mapping[str, Curves], view: ComparisonView) -> Iterator[_Shown]:
    for job, letter in zip(jobs, LETTERS, strict=False):
        if job.id in view.hide or job.id not in curves:
            continue
        measured, smoothed = curves[job.id]
        averages = None if smoothed is None else smoothed.series
        most = 2 * resolution(view)
        series = Series(measured.series, averages, job.started_at, view, start=view.start, end=view.end, most=most)
        yield _Shown(job, letter, series)


def _line(of_job: _Shown, titles: Titles, read: Read, marked: str | None) -> Line:
    job, letter = of_job.job, of_job.letter
    value = getattr(job, marked) if marked else None
    return of_job.series.line(
        job.id,
        f"{letter} {job.model_name}",
        LETTERS.index(letter) + 1,
        read,
        smooth=titles.smooth,
        best_at=None if value is None else value.best.step,
    )
