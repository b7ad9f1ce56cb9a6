"""Log the curves to MLflow, for places where nobody can read this program's files."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, Final

from ..config import MlflowTarget
from ..output import say
from ..run_dir import read_json, write_json

#: Seconds between two calls to the server.
INTERVAL: Final = 5.0
#: The tag of the run that says where the training is: what `status.json` says.
STATUS_TAG: Final = "training_pipeline.status"
#: Points sent at once, each with the epoch and tokens of its step; MLflow takes 1,000 metrics.
BATCH: Final = 300


class MlflowMirror:
    """Copies `progress.jsonl` to an MLflow run, from a stored offset on: each point at least once, in order.

    A server that does not answer delays the mirror, not the training: the points wait in the file.
    """

    def __init__(self, target: MlflowTarget, progress: Path) -> None:
        # A training step must not wait for minutes of retries.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        from mlflow import MlflowClient

        self._client = MlflowClient(tracking_uri=target.tracking_uri)
        self._run_id = target.run_id
        self._progress = progress
        self._offset_file = progress.with_name("mlflow.offset")
        self._called_at = 0.0

    def catch_up(self, *, final: bool = False) -> None:
        """Send what is new, at most every few seconds unless `final`; a failure is told and tried again."""
        if not final and time.monotonic() - self._called_at < INTERVAL:
            return
        self._called_at = time.monotonic()
        # Each on its own: where the training is told also while the server takes no metrics.
        for what, send in (("metrics", self._send_points), ("status", self._tell_status)):
            try:
                send()
            except Exception as error:  # noqa: BLE001  # whatever the client raises, it is kept and sent later
                say(f"MLflow does not take the {what} now ({type(error).__name__}): sent later.")

    def _send_points(self) -> None:
        while self._send_batch():
            pass

    def _send_batch(self) -> bool:
        """Send the next points, with the epoch and tokens of each new step; whether there were any lines.

        A value that is no finite number is told by a point of another name, as MLflow could not send it back in JSON.
        """
        from mlflow.entities import Metric

        began = offset = self._offset()
        metrics: list[Metric] = []
        points: list[dict[str, Any]] = []
        with self._progress.open("rb") as file:
            file.seek(offset)
            for line in file:
                if len(points) == BATCH or not line.endswith(b"\n"):
                    break
                offset += len(line)
                points += _points(line)
        steps: set[int] = set()
        for point in points:
            name, value, at, step = point["name"], point["value"], int(point["time"] * 1000), point["step"]
            metrics.append(Metric(name, value, at, step) if value is not None else _not_finite(name, at, step))
            beside = {} if step in steps else {key: point[key] for key in ("epoch", "tokens")}
            metrics += [Metric(key, float(held), at, step) for key, held in beside.items() if held is not None]
            steps.add(step)
        if offset == began:
            return False
        if metrics:
            self._client.log_batch(self._run_id, metrics=metrics, synchronous=True)
        write_json(self._offset_file, offset)
        return True

    def _offset(self) -> int:
        """Up to where the points are sent: what cannot be read, or cannot be, is the beginning, and they come again."""
        try:
            offset = read_json(self._offset_file)
        except ValueError:
            return 0
        known = isinstance(offset, int) and 0 <= offset <= self._progress.stat().st_size
        return offset if known else 0

    def _tell_status(self) -> None:
        status = self._progress.with_name("status.json")
        if status.exists():
            self._client.set_tag(self._run_id, STATUS_TAG, status.read_text(encoding="utf-8"))


def _points(line: bytes) -> list[dict[str, Any]]:
    """The point in a line; none in one that is damaged, as a power failure may leave it."""
    try:
        point = json.loads(line)
        name, step, value = point["name"], point["step"], point["value"]
        numbers = [point["time"], *(held for held in (value, point["epoch"], point["tokens"]) if held is not None)]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
    sound = isinstance(name, str) and isinstance(step, int) and all(isinstance(held, int | float) for held in numbers)
    return [point] if sound else []


def _not_finite(name: str, at: int, step: int) -> Any:
    from mlflow.entities import Metric

    return Metric(f"{name}_not_finite", 1.0, at, step)
