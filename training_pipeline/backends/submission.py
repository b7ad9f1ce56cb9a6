"""What a backend is given to train a job."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.training_config import TrainingConfig


class Submission(BaseModel):
    """Everything a backend needs to train one job."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    attempt: int
    model_name: str
    base_model: str
    config: TrainingConfig
    train_file: Path
    validation_file: Path
    dataset_digest: str
    #: The manifest of the dataset, by which errors name pairs.
    manifest_file: Path | None = None
    #: What the two files are in the record, by SHA-256: the trainer trains on these bytes, or not at all.
    train_sha256: str | None = None
    validation_sha256: str | None = None
    #: What the base model is in the record: a commit of the Hub, or its files by SHA-256.
    base_model_revision: str | None = None
    base_model_files: dict[str, str] | None = None
    #: The full name under which a backend whose runs register the model themselves is to do so; null for not at all.
    register_as: str | None = None
