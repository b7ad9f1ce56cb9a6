"""Lines over parallel axes: Apache ECharts, in the colours of the page. A table beside it has the same values."""

from __future__ import annotations

from nicegui.element import Element

from training_pipeline.web.charts.metric_chart import ECHARTS
from training_pipeline.web.static_files import STATIC


class ParallelChart(Element, component=STATIC / "parallel_chart.js", esm={"nicegui-echart": str(ECHARTS)}):
    """Its property `data` has axes, as ECharts knows them, lines, and the key of the line that is marked."""
