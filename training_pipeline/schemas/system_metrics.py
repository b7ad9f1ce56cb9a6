"""Response models of what the machine did while a job trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from training_pipeline.schemas.base import Answer

_NONE = "null if not measured"


class MachineSample(Answer):
    """Use of the machine at one moment, and the training's part of it. For processors, since the previous sample."""

    measured_at: datetime = Field(description="Time of the measurement.", examples=["2026-11-23T07:22:30Z"])
    cpu_percent: float | None = Field(description=f"Percent of all processors; {_NONE}.", examples=[71.5])
    training_cpu_percent: float | None = Field(
        description=f"Share of that used by the training; {_NONE}.", examples=[66.0]
    )
    memory_available_mb: float | None = Field(description=f"Memory that is free, in MB; {_NONE}.", examples=[11200.0])
    training_memory_mb: float | None = Field(description=f"Memory of the training, in MB; {_NONE}.", examples=[1430.0])
    gpu_percent: float | None = Field(description=f"Utilization of the GPU, in percent; {_NONE}.", examples=[97.0])
    gpu_memory_available_mb: float | None = Field(
        description=f"Memory of the GPU that is free, in MB; {_NONE}.", examples=[52400.0]
    )
    training_gpu_memory_mb: float | None = Field(
        description=f"Memory of the GPU that the training holds, in MB; {_NONE}.", examples=[28700.0]
    )
    disk_available_mb: float | None = Field(
        description=f"Free space on the disk of the run, in MB; {_NONE}.", examples=[81500.0]
    )
    training_disk_mb: float | None = Field(
        description=f"Space used by the run on disk, in MB: checkpoints, dataset, model; {_NONE}.", examples=[214.0]
    )


class TrainingJobSystemMetrics(Answer):
    """Samples of the machine that a job trained on."""

    job_id: str = Field(description="The job.", examples=["tj-20261123-072145-9f3a2c"])
    samples: list[MachineSample] = Field(
        description=(
            "Samples in order of time: one every 2 seconds in the first 12 minutes, then at growing "
            "intervals; fewer than 3,000 in a week."
        )
    )
    samples_total: int = Field(description="Number of samples that were taken.", examples=[184])
    sampled: bool = Field(description="Whether samples were left out; minima and maxima are kept.", examples=[False])
    not_measured: str | None = Field(
        description="Why there are no samples; null if there are, or may still be.",
        examples=["Backend databricks does not measure its machines: see the page of the run."],
    )

    @classmethod
    def of(
        cls, job_id: str, shown: Sequence[Mapping[str, Any]], *, total: int, not_measured: str | None
    ) -> TrainingJobSystemMetrics:
        """From rows of the store."""
        return cls(
            job_id=job_id,
            samples=[MachineSample.model_validate(sample) for sample in shown],
            samples_total=total,
            sampled=len(shown) < total,
            not_measured=not_measured,
        )
