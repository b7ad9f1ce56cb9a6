"""A submitted run as the workspace keeps it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Run:
    """One submitted run of one task. `life` and `result` are the words of the API."""

    run_id: int
    task_run_id: int
    request: dict[str, Any]
    user: str
    life: str = "PENDING"
    result: str | None = None
    code: str | None = None
    message: str = ""
    error: str | None = None
    start_time: int = field(default_factory=lambda: int(time.time() * 1000))
    end_time: int | None = None
    mlflow: dict[str, str] = field(default_factory=dict)
    status_message: str = "Waiting for GPU compute."
    cancel_asked: bool = False

    @property
    def over(self) -> bool:
        """Whether the run has ended."""
        return self.life in {"TERMINATED", "SKIPPED", "INTERNAL_ERROR"}

    def end(self, result: str, code: str, message: str = "", *, life: str = "TERMINATED") -> None:
        """End the run; the first ending counts."""
        if not self.over:
            self.result, self.code, self.message = result, code, message
            self.end_time, self.life = int(time.time() * 1000), life

    @property
    def task(self) -> dict[str, Any]:
        """The one task as it was submitted."""
        task = self.request["tasks"][0]
        assert isinstance(task, dict)
        return task
