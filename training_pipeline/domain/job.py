"""A training job: one attempt to fine-tune one base model on one training sheet with one configuration.

The legal transitions are a table, so that the database's compare-and-set, the pages and the tests read the same rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from training_pipeline.domain.errors import FieldProblem


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


Auto = Literal["auto"]


class TrainingConfig(BaseModel):
    """How to fine-tune. Every "auto" is replaced by the value used before the job is stored as resolved.

    A value out of its bounds is refused when the job is created.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: Annotated[int, Field(ge=1, le=50)] | Auto = Field(
        "auto", description="Passes over the training split.", examples=[3]
    )
    learning_rate: Annotated[float, Field(ge=1e-7, le=1e-1)] | Auto = Field(
        "auto", description="Peak learning rate.", examples=[0.0001]
    )
    batch_size: Annotated[int, Field(ge=1, le=1024)] | Auto = Field(
        "auto", description="Examples per optimizer step, over all devices and accumulation steps.", examples=[8]
    )
    method: Literal["full", "lora"] | Auto = Field(
        "auto", description="Full fine-tuning, or LoRA adapters (PEFT).", examples=["lora"]
    )
    lora_rank: Annotated[int, Field(ge=1, le=512)] = Field(16, description="LoRA: rank of the adapters.", examples=[16])
    lora_alpha: Annotated[int, Field(ge=1, le=1024)] = Field(
        32, description="LoRA: scale of the adapters.", examples=[32]
    )
    lora_dropout: Annotated[float, Field(ge=0, le=0.9)] = Field(
        0.0, description="LoRA: dropout in the adapters.", examples=[0.05]
    )
    max_length: Annotated[int, Field(ge=16, le=131072)] | Auto = Field(
        "auto", description="Tokens per example; longer ones are cut at the end, counted and reported.", examples=[1024]
    )
    gradient_accumulation_steps: Annotated[int, Field(ge=1, le=256)] = Field(
        1, description="Backward passes per optimizer step; must divide batch_size.", examples=[1]
    )
    warmup_ratio: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.05, description="Share of the steps that warm up.", examples=[0.05]
    )
    lr_scheduler: Literal["cosine", "linear", "constant"] = Field(
        "cosine", description="Schedule after warm-up.", examples=["cosine"]
    )
    weight_decay: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="Decoupled weight decay of AdamW.", examples=[0.01]
    )
    max_grad_norm: Annotated[float, Field(gt=0, le=100)] = Field(
        1.0, description="Gradients are clipped to this norm.", examples=[1.0]
    )
    early_stopping_patience: Annotated[int, Field(ge=0, le=100)] = Field(
        0,
        description="Stop after this many evaluations without a better validation loss; 0 never stops early.",
        examples=[3],
    )
    evaluations_per_epoch: Annotated[int, Field(ge=1, le=20)] = Field(
        1, description="Evaluations in each epoch.", examples=[2]
    )
    checkpoint_minutes: Annotated[float, Field(gt=0, le=1440)] = Field(
        5.0, description="At most this much training is lost when the trainer is killed.", examples=[5.0]
    )
    precision: Literal["bf16", "fp32"] | Auto = Field(
        "auto", description="Number format of the computation.", examples=["bf16"]
    )
    exact_match_questions: Annotated[int, Field(ge=0, le=1000)] = Field(
        0,
        description="Validation questions that the model answers before and after training, scored by exact match.",
        examples=[50],
    )
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        42, description="Seed of initialisation and shuffling.", examples=[42]
    )
    accelerator: Literal["GPU_1xA10", "GPU_1xH100", "GPU_8xH100", "GPU_8xB300"] | Auto | None = Field(
        "auto", description="Databricks: type of the GPU node; null on this machine.", examples=["GPU_1xH100"]
    )
    accelerator_count: Annotated[int, Field(ge=1, le=64)] | Auto | None = Field(
        "auto", description="Databricks: GPUs in all; null on this machine.", examples=[1]
    )
    timeout_minutes: Annotated[float, Field(gt=0, le=43200)] = Field(
        1440.0, description="The job ends as `timeout` after this much running time.", examples=[120.0]
    )


class JobRequest(BaseModel):
    """What a user asks for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    training_sheet_id: str = Field(
        min_length=1, max_length=128, description="The training sheet to train on.", examples=["sheet-123"]
    )
    model_name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="Name of the model to register.", examples=["triage-model"]
    )
    base_model: str | None = Field(
        None,
        min_length=1,
        max_length=512,
        description="The model to start from; the backend's default where left out.",
        examples=["builtin:tiny"],
    )
    training_config: TrainingConfig = Field(
        TrainingConfig(),
        description='How to fine-tune; what is left out is "auto" or has its default.',
        examples=[{"epochs": 3, "learning_rate": 0.0001}],
    )
    train_val_split: float = Field(
        0.8, ge=0.1, le=0.95, description="Share of the pairs that goes to training.", examples=[0.8]
    )
    split_seed: str | None = Field(
        None,
        max_length=128,
        description="Seed of the split; the training sheet's id where left out.",
        examples=["2026-11"],
    )
    register_to_uc: bool = Field(
        True, description="Register a model version; else the model is kept as an artifact.", examples=[True]
    )
    uc_catalog: str | None = Field(
        None, min_length=1, max_length=255, description="Unity Catalog: catalog of the model.", examples=["ml"]
    )
    uc_schema: str | None = Field(
        None, min_length=1, max_length=255, description="Unity Catalog: schema of the model.", examples=["models"]
    )


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


def as_number(text: str) -> int | float | str:
    """The number that `text` holds; other text as it is, for validation says what it should have been. Pure."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def problems_from_validation(errors: list[Any]) -> tuple[FieldProblem, ...]:
    """Pydantic's `errors()` as field problems; input values are named only where they are short.

    Fields are named by JSON pointers (RFC 6901): "" is the whole, and a slash in a name is `~1`.
    """
    problems = []
    for error in errors:
        path = [str(part) for part in error["loc"] if part not in {"int", "float", "literal['auto']", "literal"}]
        path = [part for part in path if not part.startswith(("constrained-", "literal["))]
        value = error.get("input")
        shown = f" (got {value!r})" if isinstance(value, str | int | float) and len(str(value)) <= 60 else ""
        message = error["msg"][0].lower() + error["msg"][1:] + shown
        pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
        problems.append(FieldProblem(pointer=pointer, code=error["type"], message=message))
    return tuple(problems)
