"""Request bodies. Types are strict: a text is not accepted for a number."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from training_pipeline.domain import training_config as domain
from training_pipeline.domain.annotations import Note, Tags


class TrainingConfig(domain.TrainingConfig):
    """Fine-tuning configuration. Missing keys are "auto" or have their default; unknown keys are refused."""

    model_config = ConfigDict(strict=True)


#: The parts of a body are JSON objects, which a strict model alone would not take from a parsed body.
Config = Annotated[TrainingConfig, Field(strict=False)]


class CreateTrainingJob(domain.JobRequest):
    """A training job to create. Only the training sheet and the model's name are required."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "example": {
                "training_sheet_id": "sheet-123",
                "model_name": "triage-model",
                "train_val_split": 0.8,
                "training_config": {"epochs": 3, "learning_rate": 0.0001},
            }
        },
    )

    training_config: Config = Field(
        TrainingConfig(),
        description='Fine-tuning configuration; missing keys are "auto" or have their default.',
        examples=[{"epochs": 3, "learning_rate": 0.0001}],
    )


class CancelTrainingJob(BaseModel):
    """A request to cancel a job."""

    model_config = ConfigDict(strict=True, extra="forbid")

    reason: str = Field(
        "no reason given", max_length=1000, description="Stored with the job.", examples=["wrong sheet"]
    )


class UpdateTrainingJob(BaseModel):
    """Changes to the note and the tags of a job. What is left out or null stays as it is."""

    model_config = ConfigDict(
        strict=True, extra="forbid", json_schema_extra={"example": {"note": "baseline", "tags": ["ticket:ML-17"]}}
    )

    note: Note | None = Field(
        None, description="New note, which replaces the previous one; empty to remove it.", examples=["baseline"]
    )
    tags: Tags | None = Field(
        None, description="New tags, which replace all previous ones; empty to remove them.", examples=[["baseline"]]
    )
    add_tags: Tags | None = Field(None, description="Tags to add.", examples=[["baseline"]])
    remove_tags: Tags | None = Field(
        None, description="Tags to remove, also from those in this request.", examples=[["draft"]]
    )


class RetryTrainingJob(BaseModel):
    """Changes for a retry."""

    model_config = ConfigDict(strict=True, extra="forbid")

    training_config: Config = Field(
        TrainingConfig(),
        description="Keys to change; all others keep the values requested for the retried job.",
        examples=[{"learning_rate": 0.00005}],
    )


class ServingEndpoint(BaseModel):
    """An endpoint that serves a model version."""

    model_config = ConfigDict(strict=True, extra="forbid")

    url: str = Field(
        max_length=2000,
        description="URL (http or https), without a user name or password.",
        examples=["https://models.example.org/triage"],
    )
