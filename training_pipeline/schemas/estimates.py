"""Models of how good estimates have been: the share within the interval, the error, and each job."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Self

from pydantic import Field

from training_pipeline.domain.estimate import quality as domain
from training_pipeline.domain.estimate.prices import PriceList
from training_pipeline.domain.estimate.quality import LEAST, by_kind, quality
from training_pipeline.domain.estimate.spent import spent
from training_pipeline.schemas.base import Answer
from training_pipeline.training_jobs.store.estimates import Estimates

JOB: Final = "tj-20261123-072145-9f3a2c"
_MACHINE: Final = "1 x NVIDIA H100 80GB HBM3"


class EstimateQuality(Answer):
    """Accuracy of the estimates of some jobs."""

    jobs: int = Field(description="Succeeded jobs that had an estimate.", examples=[120])
    within: int = Field(description="Jobs whose duration was within the interval.", examples=[97])
    share: float | None = Field(
        description=f"Share of jobs within the interval; null for fewer than {LEAST} jobs.", examples=[0.81]
    )
    share_low: float | None = Field(description="Lower end of the share's 95 % interval.", examples=[0.73])
    share_high: float | None = Field(description="Upper end of the share's 95 % interval.", examples=[0.87])
    median_error: float | None = Field(
        description="Median relative error of the estimates; null for too few jobs.", examples=[0.12]
    )


class KindQuality(EstimateQuality):
    """Accuracy of the estimates of the jobs with one base model, method and machine."""

    base_model: str = Field(description="The base model.", examples=["Qwen/Qwen3-8B"])
    method: str = Field(description="The fine-tuning method.", examples=["lora"])
    machine: str = Field(description="Machine that trained it.", examples=[_MACHINE])


class EstimatedJob(Answer):
    """A succeeded job: what was estimated when it was created, and how long it trained."""

    job_id: str = Field(description="The job.", examples=[JOB])
    model_name: str = Field(description="Its model.", examples=["triage-model"])
    base_model: str = Field(description="The base model.", examples=["Qwen/Qwen3-8B"])
    method: str = Field(description="The fine-tuning method.", examples=["lora"])
    machine: str = Field(description="Machine that trained it.", examples=[_MACHINE])
    created_at: datetime = Field(description="When it was created and estimated.", examples=["2026-11-23T07:21:45Z"])
    estimated_seconds: float = Field(description="The estimate.", examples=[185.0])
    low_seconds: float = Field(description="Lower end of its interval.", examples=[140.0])
    high_seconds: float = Field(description="Upper end of its interval.", examples=[245.0])
    actual_seconds: float = Field(description="Seconds of training.", examples=[198.2])
    within: bool = Field(description="Whether that is within the interval.", examples=[True])
    error: float = Field(
        description="Share of the actual duration by which the estimate was too high; below 0, too low.",
        examples=[-0.067],
    )
    basis: str = Field(
        description="What the estimate was based on.",
        examples=["12 jobs like it: same base model, method and machine; interval from Student's t"],
    )
    estimated_cost: float | None = Field(description="What it was estimated to cost; null if unknown.", examples=[1.2])
    actual_cost: float | None = Field(
        description="What it cost by your price list as it is now, in the same currency; null where that is not known.",
        examples=[1.29],
    )
    currency: str | None = Field(description="The currency of both; null without a price list.", examples=["EUR"])


class EstimatesSoFar(Answer):
    """Accuracy of estimates of training time. Each was made when its job was created, from earlier jobs."""

    coverage: float = Field(description="Share of jobs that should be within the interval.", examples=[0.8])
    overall: EstimateQuality = Field(description="Accuracy over all of these jobs.")
    kinds: list[KindQuality] = Field(
        description="Accuracy by base model, method and machine, those with the most jobs first."
    )
    jobs: list[EstimatedJob] = Field(description="The last succeeded jobs that had an estimate, the newest first.")
    without: int = Field(description="Jobs among the last 1,000 succeeded ones that had no estimate.", examples=[3])

    @classmethod
    def of(cls, found: Estimates, prices: PriceList | None = None) -> Self:
        """What is on record, summed up; costs by the price list as it is now."""
        overall = quality(found.outcomes)
        kinds = [
            KindQuality(base_model=kind.base_model, method=kind.method, machine=kind.machine, **_fields(each))
            for kind, each in by_kind(found.outcomes)
        ]
        return cls(
            coverage=overall.coverage,
            overall=EstimateQuality(**_fields(overall)),
            kinds=kinds,
            jobs=[_job(each, prices) for each in found.outcomes],
            without=found.without,
        )


def _fields(each: domain.Quality) -> dict[str, Any]:
    return {name: getattr(each, name) for name in EstimateQuality.model_fields}


def _job(each: domain.Outcome, prices: PriceList | None) -> EstimatedJob:
    cost = spent(prices, each.priced_as, seconds=each.seconds, dbu=each.dbu)
    comparable = each.currency in {None, cost.currency}
    return EstimatedJob(
        job_id=each.job_id,
        model_name=each.model_name,
        base_model=each.kind.base_model,
        method=each.kind.method,
        machine=each.kind.machine,
        created_at=each.created_at,
        estimated_seconds=each.middle,
        low_seconds=each.low,
        high_seconds=each.high,
        actual_seconds=each.seconds,
        within=each.within,
        error=each.error,
        basis=each.basis,
        estimated_cost=each.cost,
        actual_cost=cost.amount if comparable else None,
        currency=each.currency or cost.currency,
    )
