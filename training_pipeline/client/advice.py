"""The advice on a job: what was said when it was created, and what its figures say. Reads only."""

from __future__ import annotations

from pydantic import ValidationError

from training_pipeline.domain.advice.findings import Ended, Point, findings
from training_pipeline.domain.advice.item import AdviceRecord
from training_pipeline.domain.job import TERMINAL, TrainingJob
from training_pipeline.schemas.advice import Advice, Finding, TrainingJobAdvice
from training_pipeline.training_jobs.lifecycle.service import ADVICE
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.metric_series import evaluations


def job_advice(store: JobStore, job_id: str) -> TrainingJobAdvice:
    """The advice stored with the job and the findings on its curves; raises `NotFound`."""
    job = store.get(job_id)
    given = _stored(store, job_id)
    return TrainingJobAdvice(
        job_id=job_id,
        rules_version=given.rules_version if given else None,
        advice=[Advice.model_validate(one) for one in given.advice] if given else [],
        findings=[Finding.model_validate(one) for one in _findings(store, job)],
    )


def _stored(store: JobStore, job_id: str) -> AdviceRecord | None:
    """What was given; None for a job of an earlier release, or of a later one that says it otherwise."""
    try:
        return AdviceRecord.model_validate(store.created_with(job_id)[ADVICE])
    except (KeyError, ValidationError):
        return None


def _findings(store: JobStore, job: TrainingJob) -> list[object]:
    if job.status not in TERMINAL:
        return []
    custom = job.result.custom_metrics or {}
    ended = Ended(
        config=job.request.training_config,
        evaluations=[Point(**row) for row in evaluations(store, job.id)],
        train_loss=job.progress.train_loss,
        val_accuracy=job.progress.val_accuracy,
        exact_match=custom.get("exact_match_after"),
    )
    return list(findings(ended))
