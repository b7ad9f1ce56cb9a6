"""The advice on a job: what was said when it was created, and what its figures say. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from training_pipeline.domain.advice.findings import Ended, Point, findings
from training_pipeline.domain.advice.item import AdviceRecord
from training_pipeline.domain.estimate.estimate import Estimate as EstimateGiven
from training_pipeline.domain.estimate.prices import priced_as
from training_pipeline.domain.estimate.spent import spent
from training_pipeline.domain.job import TERMINAL, JobStatus
from training_pipeline.schemas.advice import ActualCost, Advice, Estimate, Finding, TrainingJobAdvice
from training_pipeline.training_jobs.store.estimates import ADVICE, ESTIMATE
from training_pipeline.training_jobs.store.metric_series import evaluations

if TYPE_CHECKING:
    from training_pipeline.domain.estimate.prices import PriceList
    from training_pipeline.domain.job import TrainingJob
    from training_pipeline.training_jobs.store.jobs import JobStore

M = TypeVar("M", bound=BaseModel)


def job_advice(store: JobStore, job_id: str, prices: PriceList | None = None) -> TrainingJobAdvice:
    """The advice stored with the job, the findings on its curves, and what it cost; raises `NotFound`."""
    job = store.get(job_id)
    stored = store.created_with(job_id)
    given, estimate = _read(AdviceRecord, stored.get(ADVICE)), _read(EstimateGiven, stored.get(ESTIMATE))
    return TrainingJobAdvice(
        job_id=job_id,
        rules_version=given.rules_version if given else None,
        advice=[Advice.model_validate(one) for one in given.advice] if given else [],
        findings=[Finding.model_validate(one) for one in _findings(store, job)],
        estimate=None if estimate is None else Estimate.model_validate(estimate),
        actual_seconds=job.duration_seconds,
        actual_cost=ActualCost.model_validate(
            spent(prices, priced_as(job.request.training_config), seconds=job.duration_seconds, dbu=job.result.cost_dbu)
        ),
    )


def estimate_of(store: JobStore, job_id: str) -> EstimateGiven | None:
    """The estimate stored with the job; None for a job of an earlier release. Raises `NotFound`."""
    return _read(EstimateGiven, store.created_with(job_id).get(ESTIMATE))


def _read(kind: type[M], stored: object) -> M | None:
    """What was given; None for a job of an earlier release, or of a later one that says it otherwise."""
    try:
        return kind.model_validate(stored)
    except ValidationError:
        return None


def _findings(store: JobStore, job: TrainingJob) -> list[object]:
    if job.status not in TERMINAL:
        return []
    custom = job.result.custom_metrics or {}
    ended = Ended(
        config=job.request.training_config,
        succeeded=job.status is JobStatus.SUCCEEDED,
        code=(job.error_details or {}).get("code"),
        evaluations=[Point(**row) for row in evaluations(store, job.id)],
        train_loss=job.progress.train_loss,
        val_accuracy=job.progress.val_accuracy,
        exact_match=custom.get("exact_match_after"),
    )
    return list(findings(ended))
