"""What a backend says about its runs while they are not over."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.job import JobStatus

#: A run as a backend is asked about it: job id and attempt.
Run: TypeAlias = tuple[str, int]


class RunState(BaseModel):
    """What the backend says about a run now. `status` is never `pending`.

    `lost` with `failed` means that nobody watches over the run any more although it has no outcome: `recover` may yet
    save it. Where it cannot, the run has failed. The MLflow ids are those of a run that logs to MLflow directly;
    `run_url` is the page of the run, where the backend has pages. A run with `asks_since` waits until `allow` answers
    the question whether its pairs may still be trained on; the time, in seconds since 1970, names the question. One
    that runs and `waits_for` something continues automatically once that is mended: the sentence says what it is.
    `metrics_offset` is the next offset that `metrics` would return, where that is known without asking.
    """

    model_config = ConfigDict(frozen=True)

    status: JobStatus
    lost: bool = False
    asks_since: float | None = None
    waits_for: str | None = None
    step: int | None = None
    planned_steps: int | None = None
    epoch: float | None = None
    total_epochs: float | None = None
    eta_seconds: float | None = None
    metrics_offset: int | None = None
    message: str = ""
    run_url: str | None = None
    mlflow_experiment_id: str | None = None
    mlflow_run_id: str | None = None
    error: str | None = None
    error_details: dict[str, Any] | None = None


@runtime_checkable
class BulkStatus(Protocol):
    """What a backend has besides where telling the states of many runs costs it no more than telling one."""

    def statuses(self, runs: Collection[Run]) -> Mapping[Run, RunState]:
        """The states of these runs now, as `status` says them. Reads only.

        A run that it cannot tell about, for whatever reason, is left out: `status` is asked about that one. So it
        raises only where nothing can be told at all.
        """
        ...
