"""The tab Metrics: the series as charts, the latest values, and all steps as a CSV file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, Literal
from urllib.parse import urlencode

from anyio import to_thread
from fastapi.responses import Response
from nicegui import ui
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training_pipeline.app.container import Services
from training_pipeline.schemas.metrics import MetricPoint, TrainingJobMetrics
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.training_jobs.store.metric_series import FIRST_STEP, LAST_STEP
from training_pipeline.training_jobs.store.metrics import series
from training_pipeline.web import formats, urls
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Tag, button, empty, link, panel, text_fact
from training_pipeline.web.jobs.metric_chart import MetricChart

#: So many values of a series are asked for. With the steps at which the others have theirs, a chart has about as many
#: as it has pixels to tell them apart.
RESOLUTION: Final = 300

_CHARTS: Final = (
    ("Loss", "number", (("Training", "train_loss"), ("Validation", "val_loss"))),
    ("Token accuracy", "share", (("Training", "train_accuracy"), ("Validation", "val_accuracy"))),
    ("Learning rate", "small", (("Learning rate", "learning_rate"),)),
)


class View(BaseModel):
    """Which part of the series is shown; kept in the page's URL."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    x: Literal["step", "tokens"] = "step"
    from_step: int = Field(FIRST_STEP, ge=FIRST_STEP, le=LAST_STEP)
    to_step: int = Field(LAST_STEP, ge=FIRST_STEP, le=LAST_STEP)

    @classmethod
    def parse(cls, query: dict[str, str]) -> View:
        """The view that a query names; the whole series where it names none."""
        try:
            return cls.model_validate(query)
        except ValidationError:
            return cls()

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
        self._charts: list[tuple[MetricChart, tuple[tuple[str, str], ...]]] = []
        with panel("Curves", name="curves") as head:
            with head:
                self._count = Tag("span", "", classes="muted")
                Tag("span", classes="grow")
                with Tag("div", classes="segments", role="group", aria_label="Horizontal axis"):
                    self._axes = {x: self._axis(x) for x in ("step", "tokens")}
                self._whole = button("Whole series", kind="quiet small", picture="reset")
                self._whole.when("click", self._reset)
                file = f"{urls.job(job_id)}/metrics.csv"
                link("CSV", file, classes="button small", picture="download", download="", aria_label="Download as CSV")
            self._nothing = Tag("div")
            with self._nothing:
                empty("chart", "No metrics yet.", "Charts appear after the first training steps.")
            self._area = Tag("div", classes="charts")
            with self._area:
                for title, numbers, lines in _CHARTS:
                    chart = MetricChart(title, numbers, [name for name, _ in lines], self._zoomed)
                    self._charts.append((chart, lines))
            self._hint = Tag("p", "Drag across a chart to zoom in.", classes="help")
        with panel("Metrics", name="latest"):
            self._figures = Tag("dl", classes="facts wide")
        self._shown: dict[str, str] = {}
        self._show_view()

    async def show(self, _: TrainingJob) -> None:
        """Show what there is now."""
        view = self._view
        found = await self._client.metrics(
            self._job_id, from_step=view.from_step, to_step=view.to_step, resolution=RESOLUTION
        )
        if view is not self._view:
            return
        some = bool(found.series)
        self._nothing.set_visibility(not some)
        self._area.set_visibility(some)
        self._hint.set_visibility(some)
        sampled = f", downsampled to {len(found.series):,} (lows and highs kept)" if found.sampled else ""
        self._count.say(f"{found.series_total:,} steps measured{sampled}" if some else "")
        for chart, lines in self._charts:
            chart.show(found.series, view.x, lines)
        self._show_figures(found)

    def _axis(self, x: str) -> Tag:
        words = {"step": "Steps", "tokens": "Tokens"}
        return Tag("button", words[x], classes="segment", type="button").when("click", partial(self._go, x=x))

    async def _zoomed(self, first: int, last: int) -> None:
        if last > first:
            await self._go(from_step=first, to_step=last)

    async def _reset(self) -> None:
        await self._go(from_step=FIRST_STEP, to_step=LAST_STEP)

    async def _go(self, **changes: Any) -> None:
        view = View.model_validate({**dict(self._view), **changes})
        if view == self._view:
            return
        self._view = view
        query = urlencode(view.model_dump(exclude_defaults=True))
        ui.navigate.history.push(urls.job(self._job_id, "metrics") + (f"?{query}" if query else ""))
        self._show_view()
        await self.show(await self._client.job(self._job_id))

    def _show_view(self) -> None:
        for x, segment in self._axes.items():
            segment.set(aria_pressed="true" if x == self._view.x else "false")
        self._whole.set_visibility(self._view.zoomed)

    def _show_figures(self, found: TrainingJobMetrics) -> None:
        figures = _figures(found)
        if figures != self._shown:
            self._shown = figures
            self._figures.clear()
            with self._figures:
                for name, words in figures.items():
                    text_fact(name, words)


def _figures(found: TrainingJobMetrics) -> dict[str, str]:
    shown: dict[str, str] = {
        "Training loss": formats.loss(found.train_loss),
        "Validation loss": formats.loss(found.val_loss),
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


async def csv_of(services: Services, job_id: str) -> Response:
    """All steps of a job as a file. Raises `NotFound`."""

    def read() -> str:
        services.jobs.get(job_id)
        return str(series(services.store, job_id).to_csv(index=False))

    text = await to_thread.run_sync(read)
    headers = {"Content-Disposition": f'attachment; filename="{job_id}-metrics.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


Read = Callable[[MetricPoint], float | None]
