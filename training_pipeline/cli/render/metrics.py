"""A job's metrics in a terminal: latest values, each series as a line of bars, and some of its steps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeVar

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training_pipeline.cli.render.job import facts, figure
from training_pipeline.cli.render.progress import clock

if TYPE_CHECKING:
    from training_pipeline.schemas.metrics import TrainingJobMetrics

T = TypeVar("T")

BARS: Final = "▁▂▃▄▅▆▇█"
WIDTH: Final = 40
ROWS: Final = 10
SERIES: Final = {
    "train_loss": "loss",
    "val_loss": "validation loss",
    "train_accuracy": "accuracy",
    "val_accuracy": "validation accuracy",
    "learning_rate": "learning rate",
}


def metric_figures(found: TrainingJobMetrics) -> RenderableType:
    """The latest values, the series and the steps."""
    grid = facts()
    grid.add_row("job", found.job_id)
    grid.add_row("loss", f"{figure(found.train_loss)}, validation {figure(found.val_loss)}")
    grid.add_row("token accuracy", f"{figure(found.train_accuracy)}, validation {figure(found.val_accuracy)}")
    epochs = "-" if found.epochs_completed is None else f"{found.epochs_completed:.1f}"
    tokens = "-" if found.tokens_processed is None else f"{found.tokens_processed:,}"
    grid.add_row("epochs, tokens", f"{epochs} epochs, {tokens} tokens")
    if found.training_duration_seconds is not None:
        grid.add_row("time", clock(found.training_duration_seconds))
    for name, value in (found.custom_metrics or {}).items():
        grid.add_row(name, figure(value))
    if not found.series:
        return Group(grid, Text("No metrics yet.", style="dim"))
    lines = facts()
    for name, label in SERIES.items():
        values = [value for point in found.series if (value := getattr(point, name)) is not None]
        if len(values) > 1:
            ends = f"{figure(values[0])} → {figure(values[-1])}"
            lines.add_row(label, Text(bars(values, WIDTH), style="cyan"), ends)
    return Group(grid, Text(), lines, Text(), _steps(found))


def bars(values: Sequence[float], width: int) -> str:
    """A line of at most `width` bars; each is the mean of its share of the values."""
    count = min(width, len(values))
    edges = [len(values) * place // count for place in range(count + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(means), max(means)
    if high == low:
        return BARS[0] * count
    return "".join(BARS[round((mean - low) / (high - low) * (len(BARS) - 1))] for mean in means)


def spread(points: Sequence[T], rows: int) -> list[T]:
    """At most `rows` points, evenly spread, the first and the last among them."""
    if len(points) <= rows:
        return [*points]
    return [points[round(place * (len(points) - 1) / (rows - 1))] for place in range(rows)]


def _steps(found: TrainingJobMetrics) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("step", "epoch", "loss", "validation", "accuracy", "validation", "learning rate"):
        table.add_column(column, justify="right", no_wrap=True)
    shown = spread(found.series, ROWS)
    for point in shown:
        table.add_row(
            f"{point.step:,}",
            figure(point.epoch, 2),
            figure(point.train_loss),
            figure(point.val_loss),
            figure(point.train_accuracy),
            figure(point.val_accuracy),
            "-" if point.learning_rate is None else f"{point.learning_rate:.2e}",
        )
    if len(shown) == found.series_total:
        return table
    foot = f"{len(shown)} of {found.series_total:,} steps. Get all of them with --csv or --json."
    return Group(table, Text(foot, style="dim"))
