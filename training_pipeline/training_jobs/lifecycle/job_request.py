"""The request for a job: validated, or made of the job that is retried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from training_pipeline.domain.errors import Conflict, InvalidRequest
from training_pipeline.domain.job import ACTIVE, JobStatus, TrainingJob
from training_pipeline.domain.training_config import JobRequest, TrainingConfig
from training_pipeline.domain.validation import problems_from_validation


def validated(request: JobRequest | Mapping[str, Any]) -> JobRequest:
    """The request as a `JobRequest`; raises `InvalidRequest` with every problem."""
    if isinstance(request, JobRequest):
        return request
    try:
        return JobRequest.model_validate(request)
    except ValidationError as error:
        raise _refused(error) from None


def retried(job: TrainingJob, changes: Mapping[str, Any] | None) -> JobRequest:
    """The request that repeats `job` with `changes` to its training_config.

    Raises `Conflict` for a job that is active or has succeeded, and `InvalidRequest` for changes that are not allowed.
    """
    if job.status in ACTIVE:
        raise Conflict(f"Training job {job.id} is {job.status}.", hint="Cancel it first, or wait until it ends.")
    if job.status is JobStatus.SUCCEEDED:
        raise Conflict(f"Training job {job.id} has succeeded and cannot be retried.", hint="Create a new job.")
    return validated(
        {
            "training_sheet_id": job.request.training_sheet_id,
            "model_name": job.request.model_name,
            "base_model": job.request.base_model,
            "training_config": {**job.request.requested_config, **(changes or {})},
            "train_val_split": job.request.train_val_split,
            "split_seed": job.request.split_seed,
            "split_predecessor": job.request.split_predecessor,
            "fresh_split": job.request.fresh_split,
            "register_to_uc": job.request.register_to_uc,
            "uc_catalog": job.request.uc_catalog,
            "uc_schema": job.request.uc_schema,
            "tags": list(job.tags),
        }
    )


def _refused(found: ValidationError) -> InvalidRequest:
    """All problems of a request at once."""
    hint = ""
    if any(item["type"] == "extra_forbidden" for item in found.errors()):
        hint = f"Known keys of training_config: {', '.join(TrainingConfig.model_fields)}."
    problems = problems_from_validation(list(found.errors()))
    return InvalidRequest("The training job cannot be created.", problems=problems, hint=hint)
