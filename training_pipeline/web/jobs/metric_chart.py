"""One chart of a job's series: Apache ECharts, in the colours of the page, with a name and a summary for readers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import nicegui
from nicegui import ui
from nicegui.element import Element

from training_pipeline.schemas.metrics import MetricPoint
from training_pipeline.web import formats
from training_pipeline.web.elements import Tag
from training_pipeline.web.static_files import STATIC

_ECHARTS = Path(nicegui.__file__).parent / "elements" / "echart" / "dist"


def ask_early() -> None:
    """Have the library asked for as soon as the page is there, and not when everything else has been run."""
    ui.add_head_html('<script type="module">import "nicegui-echart";</script>')


class _Chart(Element, component=STATIC / "metric_chart.js", esm={"nicegui-echart": str(_ECHARTS)}):
    """The drawing itself."""


class MetricChart:
    """Lines over steps or tokens. `zoomed` is called with the first and the last step of a stretch that was marked."""

    def __init__(
        self,
        title: str,
        numbers: str,
        names: Sequence[str],
        zoomed: Callable[[int, int], Awaitable[None]],
    ) -> None:
        self._title = title
        with Tag("figure", classes="chart"):
            with Tag("figcaption", classes="chart-head"):
                Tag("span", title, classes="strong")
                if len(names) > 1:
                    for number, name in enumerate(names, start=1):
                        with Tag("span", classes="legend"):
                            Tag("span", classes=f"legend-line line-{number}", aria_hidden="true")
                            Tag("span", name)
            self._chart = _Chart()
            self._chart.props.update({"numbers": numbers, "role": "img", "aria-label": title})
            self._chart.on("zoom", lambda event: zoomed(int(event.args[0]), int(event.args[1])))

    def show(self, points: Sequence[MetricPoint], x: str, lines: Sequence[tuple[str, str]]) -> None:
        """Draw these points."""
        drawn = [
            {
                "name": name,
                "values": [
                    # A pixel is no finer than this, and the page half as long.
                    [at, float(f"{value:.5g}"), *([point.step] if at != point.step else [])]
                    for point in points
                    if (value := getattr(point, field)) is not None and (at := getattr(point, x)) is not None
                ],
            }
            for name, field in lines
        ]
        summary = "; ".join(
            f"{line['name']} from {formats.figure(line['values'][0][1])} to {formats.figure(line['values'][-1][1])}"
            for line in drawn
            if line["values"]
        )
        label = f"{self._title} over {x}s: {summary or 'no data yet'}".replace("tokenss", "tokens")
        data: dict[str, Any] = {"x": x, "lines": drawn}
        if self._chart.props.get("data") != data:
            self._chart.props.update({"data": data, "aria-label": label})
