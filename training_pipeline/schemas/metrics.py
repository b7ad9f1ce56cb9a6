"""Response models of a job's metrics: latest values and series."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import Field

from training_pipeline.domain.job import TrainingJob as StoredJob
from training_pipeline.schemas.base import Answer
from training_pipeline.schemas.training_job import ACCURACY, LOSS

if TYPE_CHECKING:
    from training_pipeline.training_jobs.store.metric_series import MetricSeries


class MetricPoint(Answer):
    """The metrics at one step; null if not measured there, or not finite."""

    step: int = Field(description="Optimizer step.", examples=[170])
    epoch: float | None = Field(description="Epochs completed, fractional.", examples=[1.25])
    train_loss: float | None = Field(description=f"{LOSS}, on training pairs.", examples=[0.42])
    val_loss: float | None = Field(description=f"{LOSS}, on validation pairs.", examples=[0.51])
    train_accuracy: float | None = Field(description=f"{ACCURACY}, in training.", examples=[0.88])
    val_accuracy: float | None = Field(description=f"{ACCURACY}, in validation.", examples=[0.85])
    learning_rate: float | None = Field(description="Learning rate at this step.", examples=[0.0001])
    grad_norm: float | None = Field(description="Norm of the gradient before clipping.", examples=[0.7])
    tokens: int | None = Field(description="Tokens processed since the start of the job.", examples=[44120])
    measured_at: datetime = Field(description="Time of the measurement.", examples=["2026-11-23T07:22:30Z"])


class ValueAt(Answer):
    """A value of a series, and where it was measured."""

    step: int = Field(description="Optimizer step.", examples=[170])
    value: float = Field(description="The value.", examples=[0.51])

    @classmethod
    def of(cls, found: tuple[int, float] | None) -> ValueAt | None:
        """From step and value."""
        return None if found is None else cls(step=found[0], value=found[1])


class TrainingJobMetrics(Answer):
    """The latest metrics of a job, and its series."""

    job_id: str = Field(description="The job.", examples=["tj-20261123-072145-9f3a2c"])
    train_loss: float | None = Field(description=f"{LOSS}, on training pairs.", examples=[0.42])
    val_loss: float | None = Field(description=f"{LOSS}, on validation pairs.", examples=[0.51])
    train_accuracy: float | None = Field(description=f"{ACCURACY}, in training.", examples=[0.88])
    val_accuracy: float | None = Field(description=f"{ACCURACY}, in validation.", examples=[0.85])
    learning_rate: float | None = Field(description="Learning rate, last measured.", examples=[0.0001])
    epochs_completed: float | None = Field(description="Epochs completed, fractional.", examples=[3.0])
    training_duration_seconds: float | None = Field(description="Seconds of training so far.", examples=[198.2])
    tokens_processed: int | None = Field(description="Tokens processed so far.", examples=[104520])
    cost_dbu: float | None = Field(
        description="Cost in Databricks units (DBU); null until it is known.", examples=[1.5]
    )
    custom_metrics: dict[str, float] | None = Field(
        description="Other final metrics, by name.", examples=[{"exact_match_after": 0.9}]
    )
    best_val_loss: ValueAt | None = Field(
        description=(
            "Lowest validation loss of the whole job, at the first step that reached it; null if never measured."
        )
    )
    series: list[MetricPoint] = Field(description="The requested steps, in order; smoothed if requested.")
    smoothing: float = Field(
        description="Weight of the previous step in the exponential moving average of the series; 0 for no smoothing.",
        examples=[0.0],
    )
    series_total: int = Field(description="Number of measured steps in the requested range.", examples=[403])
    sampled: bool = Field(
        description="Whether the series was downsampled; minima and maxima are kept.",
        examples=[False],
    )

    @classmethod
    def of(cls, job: StoredJob, series: MetricSeries, *, smoothing: float = 0.0) -> TrainingJobMetrics:
        """The figures that stand in a job, and a stretch of its series. Reads the clock while the job runs."""
        tokens = series.latest["tokens"] if job.result.tokens_processed is None else job.result.tokens_processed
        return cls(
            job_id=job.id,
            train_loss=job.progress.train_loss,
            val_loss=job.progress.val_loss,
            train_accuracy=job.progress.train_accuracy,
            val_accuracy=job.progress.val_accuracy,
            learning_rate=series.latest["learning_rate"],
            epochs_completed=job.progress.current_epoch,
            training_duration_seconds=_duration(job),
            tokens_processed=tokens,
            cost_dbu=job.result.cost_dbu,
            custom_metrics=job.result.custom_metrics,
            best_val_loss=ValueAt.of(series.best),
            smoothing=smoothing,
            series=[MetricPoint.model_validate(row) for row in series.rows],
            series_total=series.total,
            sampled=series.sampled,
        )


def _duration(job: StoredJob) -> float | None:
    if job.duration_seconds is not None or job.started_at is None:
        return job.duration_seconds
    return (datetime.now(UTC) - job.started_at).total_seconds()
