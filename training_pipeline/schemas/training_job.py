"""Response models of training jobs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import Field

from training_pipeline.databricks.workspace_pages import DatabricksPages
from training_pipeline.domain import job as domain
from training_pipeline.domain.access import allowed_actions
from training_pipeline.domain.advice.after_failure import what_to_do
from training_pipeline.schemas.base import Answer, NextCursor, Page, PageSize
from training_pipeline.training_jobs.links import links
from training_pipeline.training_jobs.store.rows import columns_of

if TYPE_CHECKING:
    from training_pipeline.domain.access import Caller
    from training_pipeline.urls import Urls

LOSS = "Cross-entropy in nats per trained token"
ACCURACY = "Mean token accuracy, 0 to 1"


class TrainingJobLink(Answer):
    """A link to a page about the job in another system."""

    label: str = Field(description="Label of the link.", examples=["MLflow run"])
    name: str = Field(description="Id or name in that system.", examples=["8c1f0a3be1d34c2f8f6f0b7f4f2a9d10"])
    url: str | None = Field(
        description="URL of the page; null if there is none or it is not known.",
        examples=["https://dagster.example.com/runs/0b7a3c52-6a8e-4f0e-9a56-6d8a1f1b2c3d"],
    )


class TrainingJob(Answer):
    """One attempt to fine-tune one base model on one training sheet. Times are ISO 8601 with an offset."""

    id: str = Field(description="Id of the job; sorts by creation.", examples=["tj-20261123-072145-9f3a2c"])
    status: domain.JobStatus = Field(description="Status of the job.", examples=["running"])
    allowed_actions: tuple[domain.Action, ...] = Field(
        description="Actions that the caller may take now.", examples=[["cancel", "poll"]]
    )

    training_sheet_id: str = Field(description="Id of the training sheet.", examples=["sheet-123"])
    training_sheet_name: str = Field(description="Name of the training sheet.", examples=["Document triage"])
    model_name: str = Field(description="Name of the model to register.", examples=["triage-model"])
    base_model: str = Field(description="Base model to fine-tune.", examples=["builtin:tiny"])
    base_model_revision: str | None = Field(
        None,
        description=(
            "Commit on the Hugging Face Hub that it resolved to when the job was created; null if the Hub did"
            " not answer, or if the model is not from the Hub."
        ),
        examples=["5f0b02c7" * 5],
    )
    base_model_digest: str | None = Field(
        None,
        description=(
            "SHA-256 (hex) that its folder must have when the job is launched, as in all trials of a study; "
            "null if it is not checked."
        ),
        examples=[None],
    )
    training_config: dict[str, Any] = Field(
        description='The resolved configuration: the value used for every key, without "auto".',
        examples=[{"epochs": 3, "learning_rate": 0.0001, "batch_size": 8}],
    )
    requested_config: dict[str, Any] = Field(
        description='The configuration as requested, including "auto".', examples=[{"epochs": 3}]
    )
    train_val_split: float = Field(description="Requested share of training pairs, 0.1 to 0.95.", examples=[0.8])
    split_seed: str = Field(description="Seed of the split.", examples=["sheet-123"])
    split_predecessor: str | None = Field(
        None,
        description="Training job whose split is kept; null where there was none, or a fresh split was requested.",
        examples=["tj-20261101-072145-4b1e07"],
    )
    fresh_split: bool = Field(
        False, description="Whether a split without a predecessor was requested.", examples=[False]
    )
    achieved_ratio: float | None = Field(
        description="Achieved share of training pairs; null until the split is made.", examples=[0.8]
    )
    register_to_uc: bool = Field(description="Whether a model version is registered.", examples=[True])
    uc_catalog: str | None = Field(description="Unity Catalog: catalog for the model.", examples=["ml"])
    uc_schema: str | None = Field(description="Unity Catalog: schema for the model.", examples=["models"])
    uc_model_name: str | None = Field(
        description="Full name of the registered model; null until then.", examples=["ml.models.triage-model"]
    )
    uc_model_version: str | None = Field(description="The registered version; null until then.", examples=["2"])

    pairs_counted: bool = Field(
        description="Whether the pairs have been counted: at once for small sheets, otherwise in the launch run. While "
        "false, the counts of pairs are null.",
        examples=[True],
    )
    total_pairs: int | None = Field(description="Pairs in the training sheet.", examples=[440])
    eligible_pairs: int | None = Field(description="Pairs that pass both gates.", examples=[310])
    excluded_counts: dict[str, int] | None = Field(
        description="Excluded pairs by reason; each pair is counted under one reason.",
        examples=[{"unlabeled": 24, "training_prohibited": 40}],
    )
    train_pairs: int | None = Field(
        description="Pairs in the training split; null until the split is made.", examples=[248]
    )
    val_pairs: int | None = Field(
        description="Pairs in the validation split; null until the split is made.", examples=[62]
    )
    dataset_digest: str | None = Field(
        description="SHA-256 (hex) of the dataset; null until it is stored.", examples=["3b1f0d2c" * 8]
    )

    progress_percent: float = Field(
        description="Completed steps in percent of planned steps; at most 99 until the job has succeeded.",
        examples=[42.5],
    )
    current_step: int | None = Field(description="Optimizer steps completed.", examples=[170])
    planned_steps: int | None = Field(description="Optimizer steps planned.", examples=[400])
    current_epoch: float | None = Field(description="Epochs completed, fractional.", examples=[1.25])
    total_epochs: float | None = Field(description="Epochs planned.", examples=[3.0])
    eta_seconds: float | None = Field(description="Estimated seconds left.", examples=[95.0])
    train_loss: float | None = Field(description=f"{LOSS}, last measured on training pairs.", examples=[0.42])
    val_loss: float | None = Field(description=f"{LOSS}, last measured on validation pairs.", examples=[0.51])
    train_accuracy: float | None = Field(description=f"{ACCURACY}, last measured in training.", examples=[0.88])
    val_accuracy: float | None = Field(description=f"{ACCURACY}, last measured in validation.", examples=[0.85])
    error_message: str | None = Field(
        description="Why the job failed or timed out; null otherwise.",
        examples=["The job exceeded its time limit."],
    )
    error_details: dict[str, Any] | None = Field(
        description="Technical details of the cause.", examples=[{"error_type": "OutOfMemory"}]
    )

    tainted_at: datetime | None = Field(
        None,
        description=(
            "When its model was tainted; `GET /revocations?job_id=` lists the revocations. Null if it is not tainted."
        ),
        examples=["2026-11-24T09:00:00Z"],
    )

    advice: str | None = Field(
        None,
        description="Recommended action; null unless the job failed or timed out.",
        examples=["Fix the cause, then retry. The retry starts with this job's configuration."],
    )

    note: str = Field("", description="Note about the job, as plain text.", examples=["baseline"])
    tags: tuple[str, ...] = Field(
        (), description="Tags to find it by, each a key or key:value.", examples=[["baseline", "ticket:ML-17"]]
    )

    created_by: str = Field(description="Who created the job.", examples=["ada"])
    created_at: datetime = Field(description="When it was created.", examples=["2026-11-23T07:21:45Z"])
    started_at: datetime | None = Field(description="When training started.", examples=["2026-11-23T07:21:52Z"])
    completed_at: datetime | None = Field(description="When the job ended.", examples=["2026-11-23T07:25:10Z"])
    updated_at: datetime = Field(description="When the job last changed.", examples=["2026-11-23T07:25:10Z"])
    duration_seconds: float | None = Field(
        description="Seconds of training; null until it has ended.", examples=[198.2]
    )
    cancel_requested_at: datetime | None = Field(
        description="When a cancel was requested; the job ends once the backend confirms it.",
        examples=["2026-11-23T07:23:00Z"],
    )
    cancel_requested_by: str | None = Field(description="Who requested the cancel.", examples=["grace"])
    cancel_reason: str | None = Field(description="Reason for the cancel.", examples=["wrong sheet"])
    retry_of: str | None = Field(description="The job that this one retries.", examples=["tj-20261123-070000-1b2c3d"])
    attempt: int = Field(description="1, or one more than the job that it retries.", examples=[1])

    backend: str = Field(description="Backend that trains it.", examples=["local"])
    backend_job_id: str | None = Field(
        description="The backend's id of the job.", examples=["tj-20261123-072145-9f3a2c"]
    )
    backend_run_id: str | None = Field(description="The backend's id of the run.", examples=["1"])
    backend_run_url: str | None = Field(
        None,
        description="URL of the run's page, if the backend has one; null until it is known.",
        examples=["https://adb-605.12.azuredatabricks.net/jobs/1/runs/2?o=605"],
    )
    mlflow_experiment_id: str | None = Field(description="Experiment in MLflow.", examples=["1"])
    mlflow_run_id: str | None = Field(description="Run in MLflow.", examples=["8c1f0a3be1d34c2f8f6f0b7f4f2a9d10"])
    mlflow_run_url: str | None = Field(
        None,
        description="Page of that run in a Databricks workspace; null elsewhere.",
        examples=["https://adb-605.12.azuredatabricks.net/?o=605#mlflow/experiments/1/runs/8c1f0a3be1d34c2f"],
    )
    model_url: str | None = Field(
        None,
        description="Page of the registered version in Unity Catalog; null elsewhere.",
        examples=["https://adb-605.12.azuredatabricks.net/explore/data/models/ml/models/triage-model/version/2?o=605"],
    )
    launch_run_id: str | None = Field(
        description="Dagster run that launched it.", examples=["0b7a3c52-6a8e-4f0e-9a56-6d8a1f1b2c3d"]
    )
    finalize_run_id: str | None = Field(
        description="Dagster run that registered its model.", examples=["5d0c7f9e-3b1a-4c7d-8e2f-9a0b1c2d3e4f"]
    )
    links: tuple[TrainingJobLink, ...] = Field(
        (),
        description="Links to its runs in Dagster, Databricks and MLflow, and to its model.",
    )

    @classmethod
    def of(cls, job: domain.TrainingJob, caller: Caller, at: Urls) -> TrainingJob:
        """A job of the store, as this caller sees it."""
        pages = DatabricksPages.of(job)
        worked_out = {
            "mlflow_run_url": pages.mlflow_run(job) if pages else None,
            "model_url": pages.model_version(job) if pages else None,
            "pairs_counted": job.data.eligible_pairs is not None,
            "allowed_actions": allowed_actions(caller, job),
            "advice": what_to_do(job),
            "links": tuple(TrainingJobLink.model_validate(found) for found in links(job, at)),
        }
        columns = columns_of(job)
        return cls(**{name: columns[name] for name in cls.model_fields if name not in worked_out}, **worked_out)


class TrainingJobPage(Answer):
    """A page of training jobs, newest first."""

    jobs: list[TrainingJob] = Field(description="The jobs of this page, newest first.")
    total: int = Field(description="Number of matching jobs on all pages.", examples=[1])
    page: Page
    page_size: PageSize
    next_cursor: NextCursor


class ActiveTrainingJobs(Answer):
    """The training jobs that have not ended."""

    jobs: list[TrainingJob] = Field(description="All pending, queued or running jobs, or a page of them; newest first.")
    total: int = Field(description="Number of jobs on all pages.", examples=[1])
    next_cursor: NextCursor = None
