"""A retrain of a tainted model without the withdrawn rows: what it would ask for. It waits for one click."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.job import ACTIVE, JobStatus, TrainingJob
from training_pipeline.domain.lineage import ModelOrigin


class RetrainProposal(BaseModel):
    """The proposal for one tainted version, as of its latest taint."""

    model_config = ConfigDict(frozen=True)

    #: The job that trained the tainted version.
    job_id: str
    model_name: str
    model_version: str
    #: The body of a request for a training job.
    request: dict[str, Any]
    #: Rows of its dataset that were withdrawn; null where its manifest cannot be read.
    train: int | None
    validation: int | None
    #: The tainted base model that the retrain does not use.
    tainted_base: str | None
    updated_at: datetime
    launched_job_id: str | None
    launched_by: str | None


def clean_base(reference: str, ancestors: Sequence[ModelOrigin], tainted: Collection[str]) -> str:
    """What to train from instead of `reference`, whose models of ours are `ancestors`, the nearest first.

    The first that is not tainted, else what the last of them was trained from.
    """
    for origin in ancestors:
        if origin.job_id not in tainted:
            break
        reference = origin.base_model
    return reference


def retrain_request(job: TrainingJob, base_model: str) -> dict[str, Any]:
    """The body of a request for a job like this one, from another base model.

    It keeps the split of the last succeeded job on this sheet and model, as any new job does.
    """
    asked = job.request
    wanted = {
        "training_sheet_id": asked.training_sheet_id,
        "model_name": asked.model_name,
        "base_model": base_model,
        "training_config": dict(asked.requested_config),
        "train_val_split": asked.train_val_split,
        "split_seed": asked.split_seed,
        "register_to_uc": asked.register_to_uc,
        "uc_catalog": asked.uc_catalog,
        "uc_schema": asked.uc_schema,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def still_answers(launched: TrainingJob) -> bool:
    """Whether a job that was launched for a proposal may still replace the tainted version."""
    return launched.status in ACTIVE or (launched.status is JobStatus.SUCCEEDED and launched.tainted_at is None)
