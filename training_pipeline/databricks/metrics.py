"""A run's curves and progress as its program logs them to MLflow, read back incrementally.

The offset that a job stores is a number: `(step + 1) * 100 + points of that step (+ 50 once read to the end)` for the
last step seen. MLflow appends and never overwrites, so a batch that the program sent again shows up twice; a point is
identified by its name and step. What a batch left half written is caught by the last look, which reads everything.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from training_pipeline.backends.metric_point import NOT_FINITE, MetricPoint
from training_pipeline.databricks.workspace import Connection

if TYPE_CHECKING:
    from databricks.sdk.service.ml import Metric, Run

#: The tag in which the program tells where it is: its status.json.
STATUS_TAG: Final = "training_pipeline.status"
#: The curves that are ours; whatever else is logged to the run stays there.
CURVES: Final = ("train_loss", "val_loss", "train_accuracy", "val_accuracy", "learning_rate", "grad_norm")
_NAMES: Final = frozenset(CURVES) | {name + NOT_FINITE for name in CURVES}
_BESIDE: Final = ("epoch", "tokens")
_PAGE: Final = 25_000
_STEP: Final = 100
_TO_THE_END: Final = 50
_OVER: Final = frozenset({"FINISHED", "FAILED", "KILLED"})


def progress(run: Run) -> dict[str, Any]:
    """What the program last said of its progress, as fields of a `RunState`; empty before it said anything."""
    tags = {tag.key: tag.value for tag in (run.data.tags if run.data else None) or []}
    try:
        told = json.loads(tags.get(STATUS_TAG) or "{}")
    except ValueError:
        return {}
    if not isinstance(told, dict):
        return {}
    fields = {"step": int, "planned_steps": int, "epoch": float, "total_epochs": float, "eta_seconds": float}
    known = {
        name: kind(told[name])
        for name, kind in fields.items()
        if isinstance(told.get(name), int | float) and math.isfinite(told[name])
    }
    return known | ({"message": told["message"]} if isinstance(told.get("message"), str) else {})


def next_offset(run: Run) -> int | None:
    """The offset of what the run has logged by now; null before it has logged a point."""
    steps = _last_steps(run)
    if not steps:
        return None
    last = max(steps.values())
    return (last + 1) * _STEP + list(steps.values()).count(last) + (_TO_THE_END if _status(run) in _OVER else 0)


def new_points(connection: Connection, run: Run, run_id: str, offset: int) -> tuple[list[MetricPoint], int]:
    """The points since `offset`, by step, and the next offset. Asks for the history of changed curves only.

    Once the MLflow run is over nothing more will be logged: then everything is read once more, whole.
    """
    following = next_offset(run)
    if following is None or following == offset:
        return [], offset
    ended = offset % _STEP >= _TO_THE_END
    seen = 0 if _status(run) in _OVER and not ended else offset
    start = max(0, seen // _STEP - 1)
    logged = _latest(run)
    histories = {
        name: _history(connection, run_id, name, start)
        for name in (*sorted(name for name, step in _last_steps(run).items() if step >= start), *_BESIDE)
        if name in logged
    }
    return _joined(histories), following


def _latest(run: Run) -> dict[str, Metric]:
    return {metric.key or "": metric for metric in (run.data.metrics if run.data else None) or []}


def _last_steps(run: Run) -> dict[str, int]:
    """The last step of each of our curves."""
    latest = _latest(run)
    return {name: latest[name].step or 0 for name in _NAMES if name in latest}


def _status(run: Run) -> str | None:
    status = run.info.status if run.info else None
    return status.value if status else None


def _history(connection: Connection, run_id: str, name: str, start: int) -> dict[int, Metric]:
    with connection.calling(f"read the curve {name}"):
        found = connection.client().experiments.get_history(name, run_id=run_id, max_results=_PAGE)
        return {point.step or 0: point for point in found if (point.step or 0) >= start}


def _joined(histories: Mapping[str, Mapping[int, Metric]]) -> list[MetricPoint]:
    """One point for each name and step, with the epoch and the tokens that were logged for the step."""

    def beside(name: str, step: int) -> float | None:
        point = histories.get(name, {}).get(step)
        return None if point is None else point.value

    points = [
        _point(name, step, point, beside("epoch", step), beside("tokens", step))
        for name, history in histories.items()
        if name in _NAMES
        for step, point in history.items()
    ]
    return sorted(points, key=lambda point: (point.step, point.name))


def _point(name: str, step: int, metric: Metric, epoch: float | None, tokens: float | None) -> MetricPoint:
    value = metric.value
    if value is None or not math.isfinite(value):
        name, value = name.removesuffix(NOT_FINITE) + NOT_FINITE, 1.0
    return MetricPoint(
        name=name,
        step=step,
        value=value,
        epoch=epoch,
        tokens=None if tokens is None else int(tokens),
        time=(metric.timestamp or 0) / 1000,
    )
