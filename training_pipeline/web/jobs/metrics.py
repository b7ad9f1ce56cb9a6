"""The tab Metrics: the series as charts, the latest values, and all steps as a CSV file."""

from __future__ import annotations

import io
from typing import Any, Final

from anyio import to_thread
from fastapi.responses import Response
from nicegui import ui
from pydantic import Field

from training_pipeline.client.jobs.every_step import write_csv
from training_pipeline.schemas.metrics import TrainingJobMetrics
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.training_jobs.store.metric_series import FIRST_STEP, LAST_STEP
from training_pipeline.web import formats, urls
from training_pipeline.web.charts.lines import Read, Series, of, tokens_per_second
from training_pipeline.web.charts.metric_chart import MetricChart, Titles
from training_pipeline.web.charts.options import HINT, ChartOptions, Legend, Stretch
from training_pipeline.web.charts.view import ChartView
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Tag, button, empty, link, panel, text_fact

#: So many values of a series are asked for. With the steps at which the others have theirs, a chart has about as many
#: as it has pixels to tell them apart.
RESOLUTION: Final = 300

#: What a chart shows, and its lines: key, name, look, what is read, and whether the best step is marked.
_CHARTS: Final[tuple[tuple[Titles, tuple[tuple[str, str, int, Read, bool], ...]], ...]] = (
    (
        Titles("Loss", "nats per token", "number"),
        (("train", "Training", 1, of("train_loss"), False), ("val", "Validation", 2, of("val_loss"), True)),
    ),
    (
        Titles("Token accuracy", "share of tokens", "share", log=False),
        (("train", "Training", 1, of("train_accuracy"), False), ("val", "Validation", 2, of("val_accuracy"), False)),
    ),
    (
        Titles("Learning rate", "learning rate", "small", smooth=False),
        (("rate", "Learning rate", 1, of("learning_rate"), False),),
    ),
    (Titles("Gradient norm", "before clipping", "number"), (("norm", "Gradient norm", 1, of("grad_norm"), False),)),
    (
        Titles("Throughput", "tokens a second", "number", log=False, smooth=False),
        (("speed", "Throughput", 1, tokens_per_second, False),),
    ),
)


class View(ChartView):
    """Which part of the series is shown, and how; kept in the page's URL."""

    from_step: int = Field(FIRST_STEP, ge=FIRST_STEP, le=LAST_STEP)
    to_step: int = Field(LAST_STEP, ge=FIRST_STEP, le=LAST_STEP)

    @property
    def zoomed(self) -> bool:
        """Whether this is a part of the series."""
        return (self.from_step, self.to_step) != (FIRST_STEP, LAST_STEP)


class MetricsTab:
    """Charts that grow while the job runs. Zooming in loads the steps in between from the service."""

    def __init__(self, client: PageClient, job_id: str, query: dict[str, str]) -> None:
        self._client = client
        self._job_id = job_id
        self._view = View.parse(query)
        with panel("Curves", name="curves") as head:
            with head:
                self._count = Tag("span", "", classes="muted")
                Tag("span", classes="grow")
                self._whole = button("Whole series", kind="quiet small", picture="reset")
                self._whole.when("click", self._reset)
                file = f"{urls.job(job_id)}/metrics.csv"
                link("CSV", file, classes="button small", picture="download", download="", aria_label="Download as CSV")
            self._nothing = Tag("div")
            with self._nothing:
                empty("chart", "No metrics yet.", "Charts appear after the first training steps.")
            self._area = Tag("div")
            with self._area:
                with Tag("div", classes="chart-bar"):
                    self._options = ChartOptions(self._go)
                    self._stretch = Stretch(self._typed)
                self._legend = Legend((("train", "Training"), ("val", "Validation")), self._toggled)
                with Tag("div", classes="charts"):
                    self._charts = [
                        (MetricChart(titles, self._zoomed, file=job_id), titles, lines) for titles, lines in _CHARTS
                    ]
                Tag("p", HINT, classes="help")
        with panel("Metrics", name="latest"):
            self._figures = Tag("dl", classes="facts wide")
        self._shown: dict[str, str] = {}
        self._show_view()

    async def show(self, job: TrainingJob) -> None:
        """Show what there is now."""
        view = self._view
        found, smoothed = await self._client.curves(
            self._job_id,
            from_step=view.from_step,
            to_step=view.to_step,
            resolution=RESOLUTION,
            smoothing=view.smoothing,
        )
        if view is not self._view:
            return
        some = bool(found.series)
        self._nothing.set_visibility(not some)
        self._area.set_visibility(some)
        sampled = f", downsampled to {len(found.series):,} (lows and highs kept)" if found.sampled else ""
        self._count.say(f"{found.series_total:,} steps measured{sampled}" if some else "")
        series = Series(found.series, None if smoothed is None else smoothed.series, job.started_at, view)
        best = None if found.best_val_loss is None else found.best_val_loss.step
        for chart, titles, lines in self._charts:
            drawn = [
                series.line(key, name, look, read, smooth=titles.smooth, best_at=best if is_best else None)
                for key, name, look, read, is_best in lines
                if key not in view.hide
            ]
            chart.show(drawn, view)
        self._show_figures(found)

    async def _zoomed(self, _start: float, _end: float, first: int, last: int) -> None:
        if last > first:
            await self._go(from_step=first, to_step=last)

    async def _typed(self, end: str, value: float | None) -> None:
        name, otherwise = ("from_step", FIRST_STEP) if end == "start" else ("to_step", LAST_STEP)
        step = otherwise if value is None else min(max(round(value), FIRST_STEP), LAST_STEP)
        changed = self._view.with_(**{name: step})
        if changed.from_step <= changed.to_step:
            await self._go(**{name: step})

    async def _reset(self) -> None:
        await self._go(from_step=FIRST_STEP, to_step=LAST_STEP)

    async def _toggled(self, key: str) -> None:
        await self._go(hide=self._view.toggled(key).hide)

    async def _go(self, **changes: Any) -> None:
        view = self._view.with_(**changes)
        if view == self._view:
            return
        self._view = view
        query = view.query()
        ui.navigate.history.push(urls.job(self._job_id, "metrics") + (f"?{query}" if query else ""))
        self._show_view()
        await self.show(await self._client.job(self._job_id))

    def _show_view(self) -> None:
        view = self._view
        self._options.show(view)
        self._legend.show(view)
        first = None if view.from_step == FIRST_STEP else view.from_step
        last = None if view.to_step == LAST_STEP else view.to_step
        self._stretch.show("Steps", first, last)
        self._whole.set_visibility(view.zoomed)

    def _show_figures(self, found: TrainingJobMetrics) -> None:
        figures = _figures(found)
        if figures != self._shown:
            self._shown = figures
            self._figures.clear()
            with self._figures:
                for name, words in figures.items():
                    text_fact(name, words)


def _figures(found: TrainingJobMetrics) -> dict[str, str]:
    best = found.best_val_loss
    shown: dict[str, str] = {
        "Training loss": formats.loss(found.train_loss),
        "Validation loss": formats.loss(found.val_loss),
        "Best validation loss": formats.NONE if best is None else f"{formats.loss(best.value)} at step {best.step:,}",
        "Training accuracy": formats.share(found.train_accuracy),
        "Validation accuracy": formats.share(found.val_accuracy),
        "Learning rate": formats.figure(found.learning_rate),
        "Epochs": formats.figure(found.epochs_completed),
        "Training time": formats.seconds(found.training_duration_seconds),
        "Tokens": formats.count(found.tokens_processed),
    }
    for name, number in (found.custom_metrics or {}).items():
        shown[formats.words(name)] = formats.figure(number)
    return shown


async def csv_of(client: PageClient, job_id: str) -> Response:
    """All steps of a job as a file. Raises `NotFound`."""
    text = io.StringIO()
    await to_thread.run_sync(write_csv, client.local, job_id, text)
    headers = {"Content-Disposition": f'attachment; filename="{job_id}-metrics.csv"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)
