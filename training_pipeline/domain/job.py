"""A training job: one attempt to fine-tune one base model on one training sheet with one configuration.

The legal transitions are a table, so that the database's compare-and-set, the pages and the tests read the same rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from training_pipeline.domain.refs import DatasetRef, SheetRef, SnapshotRef, UnreadableRef


class JobStatus(StrEnum):
    """The status of a job."""

    PENDING = "pending"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"


ACTIVE: Final = frozenset({JobStatus.PENDING, JobStatus.QUEUED, JobStatus.RUNNING})
TERMINAL: Final = frozenset(JobStatus) - ACTIVE

#: From each status, the ones it may change to. Terminal is terminal. A job may skip `queued` or `running` where the
#: backend was faster than we asked; only a job the backend has accepted can time out.
TRANSITIONS: Final[Mapping[JobStatus, frozenset[JobStatus]]] = {
    JobStatus.PENDING: frozenset({JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.FAILED, JobStatus.CANCELLED}),
    JobStatus.QUEUED: frozenset(
        {JobStatus.RUNNING, JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.TIMEOUT}
    ),
    JobStatus.RUNNING: frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.TIMEOUT}),
    **{status: frozenset() for status in TERMINAL},
}


def may_become(old: JobStatus, new: JobStatus) -> bool:
    """Whether a job may change from `old` to `new`."""
    return new in TRANSITIONS[old]


class Action(StrEnum):
    """The actions on a job."""

    CANCEL = "cancel"
    RETRY = "retry"
    POLL = "poll"
    FINISH = "finish"


def allowed_actions(status: JobStatus, *, cancel_requested: bool, unfinished: bool = False) -> tuple[Action, ...]:
    """The actions that a job in `status` allows; an `unfinished` one is trained and waits for its next finalize run."""
    if status in ACTIVE:
        actions = (Action.POLL,) if cancel_requested and not unfinished else (Action.CANCEL, Action.POLL)
        return (*actions, Action.FINISH) if unfinished else actions
    return () if status is JobStatus.SUCCEEDED else (Action.RETRY,)


class Phase(StrEnum):
    """The two phases of a job that a Dagster run works on."""

    #: From the training sheet to the backend.
    LAUNCH = "launch"
    #: From the backend's result to the registered model.
    FINALIZE = "finalize"


class Value(BaseModel):
    """A part of a job. Times are aware; durations are seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ResolvedRequest(Value):
    """The request with every "auto" replaced. It never changes."""

    training_sheet_id: str
    training_sheet_name: str
    model_name: str
    base_model: str
    #: The commit that the base model's name meant at the Hugging Face Hub when the job was created; None where that was
    #: not known then, or it is none of the Hub.
    base_model_revision: str | None = None
    #: The `folder_digest` that the base model must have when the job is launched; None where it may have any. Trials of
    #: a study and its winner have one, so that all of them start from the same weights.
    base_model_digest: str | None = None
    requested_config: dict[str, Any] = Field(description="The configuration as asked for, with its autos.")
    training_config: dict[str, Any] = Field(description="The configuration as resolved: no autos.")
    train_val_split: float
    split_seed: str
    #: The job whose split is kept; None where there was none, or a fresh split was requested.
    split_predecessor: str | None = None
    fresh_split: bool = False
    register_to_uc: bool = True
    uc_catalog: str | None = None
    uc_schema: str | None = None


class Cancellation(Value):
    """Who requested a cancel, when and why; all null if there was none."""

    requested_at: datetime | None = None
    requested_by: str | None = None
    reason: str | None = None


class Progress(Value):
    """Progress of the training, and its latest metrics."""

    percent: float = 0.0
    current_step: int | None = None
    planned_steps: int | None = None
    current_epoch: float | None = None
    total_epochs: float | None = None
    eta_seconds: float | None = None
    train_loss: float | None = None
    val_loss: float | None = None
    train_accuracy: float | None = None
    val_accuracy: float | None = None


class TrainingData(Value):
    """The training data: counts of pairs, and the references that the assets exchange."""

    total_pairs: int | None = None
    eligible_pairs: int | None = None
    excluded_counts: dict[str, int] | None = None
    train_pairs: int | None = None
    val_pairs: int | None = None
    achieved_ratio: float | None = None
    dataset_digest: str | None = None
    sheet: SheetRef | UnreadableRef | None = Field(None, description="The training sheet as it was read.")
    snapshot: SnapshotRef | UnreadableRef | None = Field(None, description="The snapshot of verdicts.")
    dataset: DatasetRef | UnreadableRef | None = Field(None, description="The stored dataset.")


class Handles(Value):
    """Where the training runs: its ids at the backend and in MLflow."""

    submit_intended_at: datetime | None = Field(None, description="Stored before the backend is called.")
    backend_job_id: str | None = None
    backend_run_id: str | None = None
    backend_run_url: str | None = Field(None, description="The run's page, where the backend has pages.")
    mlflow_experiment_id: str | None = None
    mlflow_run_id: str | None = None


class Result(Value):
    """The result of the training."""

    uc_model_name: str | None = None
    uc_model_version: str | None = None
    tokens_processed: int | None = None
    cost_dbu: float | None = None
    custom_metrics: dict[str, float] | None = None


class PhaseState(Value):
    """The claim of a Dagster run on a phase. A claim is a compare-and-set on the number of the attempt."""

    attempt: int = Field(0, description="Number of the attempt that was claimed last; 0 if none was.")
    uncounted: int = Field(0, description="How many attempts ended for a reason that costs the job none.")
    claimed_at: datetime | None = Field(None, description="Since when an attempt has the job; null where none has.")
    after: datetime | None = Field(None, description="The next attempt may not start before.")
    run_id: str | None = Field(None, description="Dagster run of the attempt that began last.")
    done_at: datetime | None = Field(None, description="When the phase was over.")


class PollingState(Value):
    """The state of polling."""

    backend_status: JobStatus | None = Field(None, description="The last message of the backend.")
    metrics_offset: int = Field(0, description="Where the next observation of the backend's metrics starts.")
    mlflow_offset: int = Field(0, description="The same for the mirror in MLflow.")
    polled_at: datetime | None = None
    after: datetime | None = Field(None, description="Not polled before; set after an error.")
    errors: int = Field(0, description="Observations in a row that failed.")
    lost_since: datetime | None = Field(None, description="Since when the backend has had no record of the job.")
    reported_progress: float = Field(0.0, description="The progress last reported to Dagster, in percent.")


class PermissionState(Value):
    """When the source was asked last whether the pairs of a submitted job may still be trained on."""

    version: str | None = Field(None, description="The sheet and gate policy that still permitted all of them.")
    asked_at: datetime | None = None


class TrainingJob(Value):
    """A training job, as the code above the store uses it."""

    id: str
    status: JobStatus
    backend: str
    created_by: str
    retry_of: str | None = None
    attempt: int = 1
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    duration_seconds: float | None = None
    error_message: str | None = None
    error_details: dict[str, Any] | None = None
    #: Since when its model is tainted by a revocation; null where it is not.
    tainted_at: datetime | None = None
    #: What people wrote on it; see `domain.annotations`.
    note: str = ""
    tags: tuple[str, ...] = ()

    request: ResolvedRequest
    data: TrainingData = TrainingData()
    progress: Progress = Progress()
    result: Result = Result()
    cancellation: Cancellation = Cancellation()
    handles: Handles = Handles()
    launch: PhaseState = PhaseState()
    finalize: PhaseState = PhaseState()
    polling: PollingState = PollingState()
    permission: PermissionState = PermissionState()

    @property
    def allowed_actions(self) -> tuple[Action, ...]:
        """The actions that this job allows now."""
        return allowed_actions(
            self.status,
            cancel_requested=self.cancellation.requested_at is not None,
            unfinished=self.is_trained and self.finalize.attempt > 0 and self.finalize.claimed_at is None,
        )

    @property
    def is_trained(self) -> bool:
        """Whether its training has succeeded, and the job has not ended yet."""
        return self.status in ACTIVE and self.polling.backend_status is JobStatus.SUCCEEDED

    def phase(self, phase: Phase) -> PhaseState:
        """The state of one of the two phases."""
        return self.launch if phase is Phase.LAUNCH else self.finalize
