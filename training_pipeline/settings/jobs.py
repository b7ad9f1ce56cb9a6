"""Where training jobs run, and how they are watched."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from training_pipeline.settings.longest import YEAR_HOURS, YEAR_SECONDS


class JobSettings(BaseModel):
    """Training jobs."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    backend: Literal["local", "databricks"] = Field("local", description="Where fine-tuning runs.")
    backend_patience_hours: float = Field(
        24.0,
        gt=0,
        le=YEAR_HOURS,
        description="How long a job waits for a backend that does not answer, rejects the credentials, or cannot be "
        "polled for another reason.",
    )
    max_attempts: int = Field(
        3, ge=1, description="Maximum number of launch or finalize runs of one job before it fails."
    )
    run_grace_seconds: float = Field(
        30.0,
        ge=0,
        le=YEAR_SECONDS,
        description="A launch or finalize run without its lock for this many seconds is considered dead.",
    )
    poll_seconds: int = Field(
        5, ge=1, le=YEAR_SECONDS, description="Minimum seconds between two polls of the backends."
    )
    poll_threads: int = Field(
        32,
        ge=1,
        le=64,
        description="Number of jobs polled at the same time; at 100 ms per answer, 1,000 jobs take 7 s.",
    )
    price_file: Path | None = Field(
        None, description="YAML file with your hourly prices of training, for cost estimates."
    )
