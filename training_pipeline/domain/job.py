"""A training job: one attempt to fine-tune one base model on one training sheet with one configuration.

The legal transitions are a table, so that the database's compare-and-set, the pages and the tests read the same rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field


class JobStatus(StrEnum):
    """Where a job is in its life."""

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
#: backend was faster than our look at it; only a job the backend has accepted can time out.
TRANSITIONS: Final[Mapping[JobStatus, frozenset[JobStatus]]] = {
    JobStatus.PENDING: frozenset({JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.FAILED, JobStatus.CANCELLED}),
    JobStatus.QUEUED: frozenset(
        {JobStatus.RUNNING, JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.TIMEOUT}
    ),
    JobStatus.RUNNING: frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.TIMEOUT}),
    **{status: frozenset() for status in TERMINAL},
}


def may_become(old: JobStatus, new: JobStatus) -> bool:
    """Whether a job may change from `old` to `new`. Pure."""
    return new in TRANSITIONS[old]


class Action(StrEnum):
    """What may be done with a job now."""

    CANCEL = "cancel"
    RETRY = "retry"
    POLL = "poll"


def allowed_actions(status: JobStatus, *, cancel_requested: bool) -> tuple[Action, ...]:
    """The verbs that a job in `status` accepts. Pure."""
    if status in ACTIVE:
        return (Action.POLL,) if cancel_requested else (Action.CANCEL, Action.POLL)
    return () if status is JobStatus.SUCCEEDED else (Action.RETRY,)


class TrainingJob(BaseModel):
    """One row of `training_jobs`, as everything above the store sees it. Times are aware; durations are seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    training_sheet_id: str
    training_sheet_name: str
    model_name: str
    base_model: str
    requested_config: dict[str, Any] = Field(description="The configuration as asked for, with its autos.")
    training_config: dict[str, Any] = Field(description="The configuration as resolved: no autos.")
    train_val_split: float
    split_seed: str
    register_to_uc: bool = True
    uc_catalog: str | None = None
    uc_schema: str | None = None
    created_by: str
    retry_of: str | None = None
    attempt: int = 1

    status: JobStatus
    progress_percent: float = 0.0
    current_step: int | None = None
    planned_steps: int | None = None
    current_epoch: float | None = None
    total_epochs: float | None = None
    eta_seconds: float | None = None
    train_loss: float | None = None
    val_loss: float | None = None
    train_accuracy: float | None = None
    val_accuracy: float | None = None
    error_message: str | None = None
    error_details: dict[str, Any] | None = None
    cancel_requested_at: datetime | None = None
    cancel_requested_by: str | None = None
    cancel_reason: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    updated_at: datetime
    duration_seconds: float | None = None

    total_pairs: int | None = None
    eligible_pairs: int | None = None
    excluded_counts: dict[str, int] | None = None
    train_pairs: int | None = None
    val_pairs: int | None = None
    achieved_ratio: float | None = None
    dataset_digest: str | None = None
    sheet: dict[str, Any] | None = Field(None, description="Reference to the training sheet as it was read.")
    snapshot: dict[str, Any] | None = Field(None, description="Reference to the snapshot of verdicts.")
    dataset: dict[str, Any] | None = Field(None, description="Reference to the stored dataset.")

    backend: str
    backend_job_id: str | None = None
    backend_run_id: str | None = None
    backend_run_url: str | None = Field(None, description="The run's page, where the backend has pages.")
    backend_status: JobStatus | None = Field(None, description="What the backend said last.")
    submit_intended_at: datetime | None = Field(None, description="Stored before the backend is called.")
    metrics_offset: int = Field(0, description="Where the next look at the backend's metrics starts.")
    mlflow_offset: int = Field(0, description="The same for the mirror in MLflow.")
    mlflow_experiment_id: str | None = None
    mlflow_run_id: str | None = None
    uc_model_name: str | None = None
    uc_model_version: str | None = None
    tokens_processed: int | None = None
    cost_dbu: float | None = None
    custom_metrics: dict[str, float] | None = None

    launch_attempt: int = 0
    launch_claimed_at: datetime | None = None
    launch_after: datetime | None = None
    launched_at: datetime | None = Field(None, description="When the launch run had materialized all its assets.")
    launch_run_id: str | None = None
    finalize_attempt: int = 0
    finalize_claimed_at: datetime | None = None
    finalize_after: datetime | None = None
    finalized_at: datetime | None = None
    finalize_run_id: str | None = None

    polled_at: datetime | None = None
    poll_after: datetime | None = None
    poll_errors: int = 0
    lost_since: datetime | None = None
    reported_progress: float = 0.0

    @property
    def allowed_actions(self) -> tuple[Action, ...]:
        """The verbs that this job accepts now."""
        return allowed_actions(self.status, cancel_requested=self.cancel_requested_at is not None)
