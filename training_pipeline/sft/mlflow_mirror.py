"""Log the curves to MLflow, for places where nobody can read this program's files."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Final

from .config import MlflowTarget

#: Seconds between two calls to the server.
INTERVAL: Final = 5.0


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
        """Send what is new, at most every few seconds unless `final`; a failure is told on stderr and tried again."""
        if not final and time.monotonic() - self._called_at < INTERVAL:
            return
        self._called_at = time.monotonic()
        try:
            while self._send_batch():
                pass
        except Exception as error:  # noqa: BLE001  # whatever the client raises, the points are kept and sent later
            sys.stderr.write(f"MLflow does not take the metrics now ({type(error).__name__}); they are sent later.\n")

    def _send_batch(self) -> bool:
        """Send up to 1,000 points (the most that MLflow takes at once); whether there were any."""
        from mlflow.entities import Metric

        offset = int(self._offset_file.read_text()) if self._offset_file.exists() else 0
        metrics: list[Metric] = []
        with self._progress.open("rb") as file:
            file.seek(offset)
            for line in file:
                if len(metrics) == 1000 or not line.endswith(b"\n"):
                    break
                offset += len(line)
                point = json.loads(line)
                if point["value"] is not None:
                    metrics.append(Metric(point["name"], point["value"], int(point["time"] * 1000), point["step"]))
        if not metrics:
            return False
        self._client.log_batch(self._run_id, metrics=metrics, synchronous=True)
        self._offset_file.write_text(str(offset))
        return True
