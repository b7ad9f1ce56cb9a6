"""One chart: Apache ECharts, in the colours of the page, with a name and a summary for readers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import nicegui
from nicegui import ui
from nicegui.element import Element

from training_pipeline.web import formats
from training_pipeline.web.charts.lines import Line
from training_pipeline.web.charts.view import AXES, ChartView
from training_pipeline.web.elements import Tag, button
from training_pipeline.web.static_files import STATIC

ECHARTS = Path(nicegui.__file__).parent / "elements" / "echart" / "dist"
#: Called with a stretch of the axis that was marked, and its first and last step.
Zoomed = Callable[[float, float, int, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Titles:
    """What a chart shows, and in what. `log` and `smooth` say whether a log scale and smoothing make sense for it."""

    title: str
    unit: str
    numbers: Literal["number", "share", "small"]
    log: bool = True
    smooth: bool = True


def ask_early() -> None:
    """Have the library asked for as soon as the page is there, and not when everything else has been run."""
    ui.add_head_html('<script type="module">import "nicegui-echart";</script>')


class _Chart(Element, component=STATIC / "metric_chart.js", esm={"nicegui-echart": str(ECHARTS)}):
    """The drawing itself."""


class MetricChart:
    """Lines over one of the axes, with a picture to download. It is hidden while there is nothing to draw."""

    def __init__(self, titles: Titles, zoomed: Zoomed, *, file: str) -> None:
        self._titles = titles
        self._whole = Tag("figure", classes="chart")
        with self._whole:
            with Tag("figcaption", classes="chart-head"):
                Tag("span", titles.title, classes="strong")
                self._smoothed = Tag("span", "", classes="tag")
                Tag("span", classes="grow")
                name = f"Download {titles.title.lower()} as a picture"
                save = button("PNG", kind="quiet small", picture="download", aria_label=name)
            self._chart = _Chart()
            self._chart.props.update({"numbers": titles.numbers, "role": "img", "aria-label": titles.title})
            self._chart.on("zoom", lambda event: zoomed(*event.args))
        picture = f"{file}-{titles.title.lower().replace(' ', '-')}"
        save.when("click", lambda: self._chart.run_method("picture", picture))

    def show(self, lines: Sequence[Line], view: ChartView) -> None:
        """Draw these lines."""
        shown = [line for line in lines if line.values]
        self._whole.set_visibility(bool(shown))
        scale = view.scale if self._titles.log else "linear"
        is_smoothed = any(line.raw for line in shown)
        self._smoothed.say(f"smoothed, {view.smoothing:g}" if is_smoothed else "")
        self._smoothed.set_visibility(is_smoothed)
        data: dict[str, Any] = {
            "x": view.x,
            "scale": scale,
            "title": self._titles.title + (f", smoothed ({view.smoothing:g})" if is_smoothed else ""),
            "xTitle": AXES[view.x][1],
            "yTitle": self._titles.unit + (", log scale" if scale == "log" else ""),
            "lines": [line.drawn() for line in shown],
        }
        if self._chart.props.get("data") != data:
            self._chart.props.update({"data": data, "aria-label": self._label(shown, view)})

    def _label(self, lines: Sequence[Line], view: ChartView) -> str:
        summary = "; ".join(
            f"{line.name} from {formats.figure(line.values[0][1])} to {formats.figure(line.values[-1][1])}"
            for line in lines
        )
        over = f"{self._titles.title} over {AXES[view.x][0].lower()}"
        smoothed = f", smoothed by {view.smoothing:g}" if any(line.raw for line in lines) else ""
        return f"{over}{smoothed}: {summary or 'no data yet'}"
