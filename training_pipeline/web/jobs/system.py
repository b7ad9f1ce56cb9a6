"""The tab System: what processors, memory, GPU and disk did while the job trained, over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from nicegui import ui
from pydantic import Field

from training_pipeline.schemas.system_metrics import MachineSample
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.web import formats, urls
from training_pipeline.web.charts.lines import MOST_VALUES, Line, Value, short, thinned
from training_pipeline.web.charts.metric_chart import MetricChart, Titles
from training_pipeline.web.charts.options import Legend, Stretch
from training_pipeline.web.charts.view import Axis, ChartView
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Tag, button, empty, panel, text_fact

_HINT: Final = (
    "Drag across a chart to zoom in, or type where to begin and end. Each sample is of its moment; that of the"
    " processor is of the time since the sample before. In a container the machine is the one outside."
)
_LEGEND: Final = (("training", "This training"), ("machine", "The machine"))
_NOT_MEASURED: Final = "not measured"


@dataclass(frozen=True, slots=True)
class _Figure:
    """What a chart shows: the field of this training and that of the machine, by what it is divided, and its words."""

    titles: Titles
    training: str | None
    machine: str | None
    divisor: float
    machine_name: str


_PERCENT, _GB = 100.0, 1024.0
_CHARTS: Final = (
    _Figure(
        Titles("Processor", "share of all processors", "share", log=False),
        "training_cpu_percent",
        "cpu_percent",
        _PERCENT,
        "Whole machine",
    ),
    _Figure(
        Titles("Memory", "GB; of the machine: free", "number", log=False),
        "training_memory_mb",
        "memory_available_mb",
        _GB,
        "Free",
    ),
    _Figure(Titles("GPU", "utilization", "share", log=False), None, "gpu_percent", _PERCENT, "Whole GPU"),
    _Figure(
        Titles("GPU memory", "GB; of the machine: free", "number", log=False),
        "training_gpu_memory_mb",
        "gpu_memory_available_mb",
        _GB,
        "Free",
    ),
    _Figure(
        Titles("Disk", "GB; of the machine: free", "number", log=False),
        "training_disk_mb",
        "disk_available_mb",
        _GB,
        "Free",
    ),
)


class SystemView(ChartView):
    """Which stretch of the time is shown, in seconds, and what is hidden; kept in the page's URL."""

    x: Axis = "time"
    start: float | None = Field(None, ge=0, le=1e15)
    end: float | None = Field(None, ge=0, le=1e15)


class SystemTab:
    """Charts that grow while the job trains. They hold every sample that was taken, so zooming asks nobody."""

    def __init__(self, client: PageClient, job_id: str, query: dict[str, str]) -> None:
        self._client = client
        self._job_id = job_id
        self._view = SystemView.parse({**query, "x": "time"})
        self._since: datetime | None = None
        self._samples: Sequence[MachineSample] = ()
        with panel("System", name="system") as head:
            with head:
                self._count = Tag("span", "", classes="muted")
                Tag("span", classes="grow")
                self._whole = button("Whole time", kind="quiet small", picture="reset")
                self._whole.when("click", self._reset)
            self._why = Tag("p", "", classes="muted")
            self._nothing = Tag("div")
            with self._nothing:
                empty("chart", "Nothing measured yet.", "Samples are taken while the job trains.")
            self._area = Tag("div")
            with self._area:
                with Tag("div", classes="chart-bar"):
                    self._stretch = Stretch(self._typed)
                self._legend = Legend(_LEGEND, self._toggled)
                with Tag("div", classes="charts"):
                    self._charts = [MetricChart(each.titles, self._zoomed, file=job_id) for each in _CHARTS]
                Tag("p", _HINT, classes="help")
                self._figures = Tag("dl", classes="facts wide")
        self._shown: dict[str, str] = {}

    async def show(self, job: TrainingJob) -> None:
        """Show what there is now."""
        found = await self._client.system_metrics(self._job_id)
        self._samples = found.samples
        self._since = job.started_at or (found.samples[0].measured_at if found.samples else None)
        self._count.say(f"{found.samples_total:,} samples" if found.samples else "")
        self._why.say(f"Not measured. {found.not_measured}" if found.not_measured else "")
        self._why.set_visibility(found.not_measured is not None)
        self._nothing.set_visibility(not found.samples and found.not_measured is None)
        self._area.set_visibility(bool(found.samples))
        self._draw()

    def _draw(self) -> None:
        view = self._view
        self._legend.show(view)
        self._stretch.show("Seconds", view.start, view.end)
        self._whole.set_visibility(view.start is not None or view.end is not None)
        for chart, each in zip(self._charts, _CHARTS, strict=True):
            fields = (("training", "This training", each.training), ("machine", each.machine_name, each.machine))
            drawn = [
                Line(key, name, look, short(thinned(self._values(field, each.divisor), MOST_VALUES)), [])
                for look, (key, name, field) in enumerate(fields, start=1)
                if field is not None and key not in view.hide
            ]
            chart.show(drawn, view)
        figures = figures_of(self._samples)
        if figures != self._shown:
            self._shown = figures
            self._figures.clear()
            with self._figures:
                for name, words in figures.items():
                    text_fact(name, words)

    def _values(self, field: str, divisor: float) -> list[Value]:
        """Where each sample stands in the stretch that is shown, what it says, and its number."""
        first = 0.0 if self._view.start is None else self._view.start
        last = float("inf") if self._view.end is None else self._view.end
        found: list[Value] = []
        for number, sample in enumerate(self._samples):
            value = getattr(sample, field)
            if value is None or self._since is None:
                continue
            at = (sample.measured_at - self._since).total_seconds()
            if first <= at <= last:
                found.append([at, value / divisor, number])
        return found

    async def _zoomed(self, start: float, end: float, _first: int, _last: int) -> None:
        if end > start:
            self._go(start=float(f"{max(0.0, start):.6g}"), end=float(f"{end:.6g}"))

    async def _typed(self, end: str, value: float | None) -> None:
        changed = {"start": self._view.start, "end": self._view.end, end: value}
        first, last = changed["start"], changed["end"]
        if value is None or (value >= 0 and (first is None or last is None or first < last)):
            self._go(**changed)

    async def _reset(self) -> None:
        self._go(start=None, end=None)

    async def _toggled(self, key: str) -> None:
        self._go(hide=self._view.toggled(key).hide)

    def _go(self, **changes: Any) -> None:
        view = self._view.with_(**changes)
        if view != self._view:
            self._view = view
            query = view.query()
            ui.navigate.history.push(urls.job(self._job_id, "system") + (f"?{query}" if query else ""))
            self._draw()


def figures_of(samples: Sequence[MachineSample]) -> dict[str, str]:
    """The figures of all samples that say whether the machine was enough, in words."""

    def said(name: str, pick: Any, divisor: float) -> str:
        found = [value for sample in samples if (value := getattr(sample, name)) is not None]
        if not found:
            return _NOT_MEASURED
        value = pick(found) / divisor
        return formats.share(value) if divisor == _PERCENT else f"{formats.figure(value)} GB"

    return {
        "Processor, mean": said("cpu_percent", lambda found: sum(found) / len(found), _PERCENT),
        "Peak memory of this training": said("training_memory_mb", max, _GB),
        "Least free memory": said("memory_available_mb", min, _GB),
        "GPU, mean": said("gpu_percent", lambda found: sum(found) / len(found), _PERCENT),
        "Peak GPU memory of this training": said("training_gpu_memory_mb", max, _GB),
        "Least free GPU memory": said("gpu_memory_available_mb", min, _GB),
        "Peak disk of this training": said("training_disk_mb", max, _GB),
        "Least free disk": said("disk_available_mb", min, _GB),
    }
