"""Models of studies: what is searched, the trials, and the best of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Self

from pydantic import Field

from training_pipeline.domain import study as domain
from training_pipeline.domain.study import StudyStatus, TrialStatus, best_of, leaders, spent
from training_pipeline.domain.study_total import total_of
from training_pipeline.models.evaluation.records import EvaluationStatus
from training_pipeline.models.evaluation.subsets import Half
from training_pipeline.schemas.advice import Estimate
from training_pipeline.schemas.base import Answer, NextCursor, Page, PageSize
from training_pipeline.schemas.lineage import DIGEST
from training_pipeline.schemas.study_requests import STUDY
from training_pipeline.schemas.training_sheet import DryRun
from training_pipeline.training_jobs.lifecycle.dry_run import DryRun as DryRunFound
from training_pipeline.tuning.base_models import asked_in_the_middle
from training_pipeline.tuning.objective import sign_of
from training_pipeline.tuning.records import Effort
from training_pipeline.tuning.scoring import figure_of, unscored
from training_pipeline.tuning.studies import StudyDetails

JOB: Final = "tj-20261123-072145-9f3a2c"


class StudyTrial(Answer):
    """A trial: a configuration, and the training job that tries it."""

    number: int = Field(description="Its number, from 1.", examples=[3])
    status: TrialStatus = Field(description="Status.", examples=["pruned"])
    params: dict[str, Any] = Field(
        description="The values that it tries.", examples=[{"learning_rate": 0.0002, "lora_rank": 16}]
    )
    job_id: str | None = Field(description="Its training job; null before there is one.", examples=[JOB])
    value: float | None = Field(
        description=(
            "Its validation loss, or its score on the half of the suite used for selection. Null unless it succeeded."
        ),
        examples=[0.418],
    )
    curve: list[float | None] = Field(
        description="Validation loss after each evaluation so far; null where it was not finite.",
        examples=[[0.9, 0.52]],
    )
    lowest_loss: float | None = Field(description="Lowest of these losses.", examples=[0.52])
    steps: int | None = Field(description="Optimizer steps so far.", examples=[400])
    planned_steps: int | None = Field(description="Optimizer steps of the whole training.", examples=[900])
    duration_seconds: float | None = Field(
        description="Seconds of training; null until it has ended.", examples=[185.0]
    )
    pruned_at: int | None = Field(description="Evaluation after which it was stopped early.", examples=[2])
    cause: str | None = Field(description="Error code, if it failed.", examples=["backend_failed"])
    message: str = Field(description="Why it ended.", examples=["pruned at evaluation 2: 5th of 6"])
    estimated_seconds: float | None = Field(description="Estimated seconds of training.", examples=[185.0])
    estimated_cost: float | None = Field(description="Estimated cost.", examples=[0.4])
    asked_at: datetime = Field(description="When its configuration was chosen.", examples=["2026-11-23T07:21:45Z"])
    ended_at: datetime | None = Field(description="When it ended.", examples=["2026-11-23T08:21:45Z"])
    promoted_job_id: str | None = Field(description="The job that registers its configuration.", examples=[None])


class Study(Answer):
    """A study, without its trials."""

    name: str = Field(description="Its name.", examples=[STUDY])
    status: StudyStatus = Field(description="Status.", examples=["running"])
    why: str = Field(description="Why it ends, or ended.", examples=["all 20 trials were made"])
    message: str = Field(description="What it waits for.", examples=["The database does not answer."])
    training_sheet_id: str = Field(description="Training sheet.", examples=["sheet-123"])
    model_name: str = Field(
        description="Name of the model that the best configuration is for.", examples=["triage-model"]
    )
    created_by: str = Field(description="Who created it.", examples=["ada"])
    created_at: datetime = Field(description="When it was created.", examples=["2026-11-23T07:21:45Z"])
    ended_at: datetime | None = Field(description="When it ended.", examples=["2026-11-23T09:21:45Z"])
    most_trials: int = Field(description="Maximum number of trials.", examples=[20])
    hours: float | None = Field(description="Time limit in hours from its creation.", examples=[8.0])
    cost: float | None = Field(description="Limit of the estimated cost of all trials.", examples=[50.0])
    estimated_cost: float = Field(description="Estimated cost of the trials so far.", examples=[4.2])
    currency: str | None = Field(description="Currency of both amounts; null without a price list.", examples=["EUR"])
    trials: dict[TrialStatus, int] = Field(description="Trials so far, by status.", examples=[{"succeeded": 12}])
    best_trial: int | None = Field(description="Number of the best trial so far.", examples=[3])
    best_value: float | None = Field(
        description=(
            "Validation loss or score of that trial. The trial was selected by this value, so it is optimistic."
        ),
        examples=[0.418],
    )
    measure: str = Field(
        description="Metric that trials are compared by: val_loss, or the metric of the suite.", examples=["val_loss"]
    )
    is_higher_better: bool = Field(description="Whether a higher value is better.", examples=[False])

    @classmethod
    def fields_of(cls, study: domain.Study, trials: list[domain.Trial]) -> dict[str, Any]:
        """Its fields."""
        request, counts = study.request, dict.fromkeys(TrialStatus, 0)
        best = best_of(trials, sign=sign_of(request))
        for trial in trials:
            counts[trial.status] += 1
        names = ("name", "status", "why", "message", "created_by", "created_at", "ended_at")
        return {
            **{name: getattr(study, name) for name in names},
            "training_sheet_id": request.job.training_sheet_id,
            "model_name": request.job.model_name,
            **{name: getattr(request, name) for name in ("most_trials", "hours", "cost")},
            "estimated_cost": spent(study, trials),
            "currency": study.estimate.currency,
            "trials": {status: count for status, count in counts.items() if count},
            "best_trial": None if best is None else best.number,
            "best_value": None if best is None else best.value,
            "measure": request.metric if request.objective == "suite" else "val_loss",
            "is_higher_better": sign_of(request) < 0,
        }

    @classmethod
    def of(cls, study: domain.Study, trials: list[domain.Trial]) -> Self:
        """The study as it is listed."""
        return cls(**cls.fields_of(study, trials))


class Studies(Answer):
    """A page of studies, the newest first."""

    studies: list[Study] = Field(description="The studies on this page.")
    total: int = Field(description="Number of studies that pass the filters.", examples=[1])
    page: Page
    page_size: PageSize
    next_cursor: NextCursor


class StudyLeader(Answer):
    """A trial that was the best one when it ended."""

    trial: int = Field(description="Number of the trial.", examples=[3])
    at: datetime = Field(description="When it ended.", examples=["2026-11-23T08:21:45Z"])
    seconds: float = Field(description="Seconds since the study was created.", examples=[3600.0])
    value: float = Field(description="Best value at that time.", examples=[0.418])


class StudyReport(Answer):
    """Score of the best trial on pairs that were not used for selection: on an evaluation suite, or on a half held
    back.
    """

    trial: int = Field(description="Number of the trial.", examples=[3])
    suite: str = Field(description="The evaluation suite.", examples=["triage-2026-11"])
    half: Half | None = Field(
        description="Half of the suite that was used; null for all of its pairs.", examples=["held_back"]
    )
    status: EvaluationStatus = Field(description="Status of the evaluation.", examples=["succeeded"])
    metric: str = Field(description="The metric.", examples=["exact_match"])
    value: float | None = Field(description="The score; null until there is one.", examples=[0.77])
    lower: float | None = Field(description="Lower end of its interval.", examples=[0.65])
    upper: float | None = Field(description="Upper end of its interval.", examples=[0.86])
    level: float | None = Field(description="Confidence level of the interval.", examples=[0.95])
    pairs: int = Field(description="Pairs that have a score.", examples=[40])
    message: str = Field(description="What it waits for, or why there is no score.", examples=[""])

    @classmethod
    def of(cls, found: StudyDetails) -> Self | None:
        """The report of a study; None where there is none yet."""
        report, best, request = found.report, found.best, found.study.request
        if report is None or best is None:
            return None
        figure = figure_of(request, report)
        missing = unscored(request, report) if report.status is EvaluationStatus.SUCCEEDED else None
        said = missing or report.error or report.message
        return cls(
            trial=best.number,
            suite=report.suite_name,
            half=report.half,
            status=report.status,
            metric=request.metric,
            value=None if figure is None else figure.estimate,
            lower=None if figure is None else figure.lower,
            upper=None if figure is None else figure.upper,
            level=None if figure is None else figure.level,
            pairs=0 if figure is None else figure.n,
            message=said,
        )


class StudyBaseModel(Answer):
    """A base model of a study, as it was when the study was created: all trials on it start from the same weights."""

    asked: str | None = Field(
        description="Name of the model in the study; null for the default one.", examples=["small"]
    )
    base_model: str = Field(description="Base model of its trials.", examples=["/models/small"])
    revision: str | None = Field(description="Commit on the Hugging Face Hub.", examples=["5f0b02c7" * 5])
    digest: str | None = Field(
        description="SHA-256 (hex) over its files, or over their listing, where it is in a folder.", examples=[DIGEST]
    )
    licence: str | None = Field(description="Its licence, as its card names it.", examples=["apache-2.0"])
    estimate: Estimate = Field(
        description="Estimate for one trial on it in the middle of the search space, at that time."
    )

    @classmethod
    def of(cls, found: domain.StudyBaseModel) -> Self:
        """A base model on record."""
        return cls(
            asked=found.asked,
            base_model=found.model.reference,
            revision=found.model.revision,
            digest=found.model.folder_digest,
            licence=found.model.licence,
            estimate=Estimate.model_validate(found.estimate),
        )


class StudyTotal(Answer):
    """Estimated duration and cost of all trials: none stopped early, each with the most expensive base model."""

    trials: int = Field(description="Maximum number of trials.", examples=[20])
    trained_seconds: float | None = Field(
        description="Training time of all trials together; null if it cannot be estimated.", examples=[12000.0]
    )
    elapsed_seconds: float | None = Field(
        description="Duration with the permitted number of trials at the same time, without waiting for compute.",
        examples=[6000.0],
    )
    cost: float | None = Field(description="Cost by the price list; null if it cannot be estimated.", examples=[50.0])
    currency: str | None = Field(description="Its currency; null without a price list.", examples=["EUR"])


class StudyDryRun(DryRun):
    """The plan of one trial in the middle of the search space, and an estimate for all trials. Nothing was stored."""

    total: StudyTotal = Field(description="Estimated maximum duration and cost of all trials.")

    @classmethod
    def of_plans(cls, request: domain.StudyRequest, plans: Mapping[str | None, DryRunFound]) -> Self:
        """The dry runs of a trial on each base model, as they are shown: the one in the middle."""
        shown = DryRun.of(plans[asked_in_the_middle(request)])
        total = total_of(request, (plan.estimate for plan in plans.values()))
        return cls(**dict(shown), total=StudyTotal.model_validate(total))


class StudyPage(Study):
    """A study with its trials."""

    request: domain.StudyRequest = Field(description="Study as requested.")
    estimate: Estimate = Field(
        description="Estimate for one trial in the middle of the search space, when the study was created."
    )
    total: StudyTotal = Field(description="Estimated maximum duration and cost of all trials.")
    base_models: list[StudyBaseModel] = Field(
        description="Base models of its trials; empty for a study of an earlier release."
    )
    dataset_digest: str | None = Field(description="Data that every trial is trained on.", examples=[DIGEST])
    report: StudyReport | None = Field(
        description="Score of the best trial on pairs that were not used for selection; null if there is none yet."
    )
    importances: dict[str, float] = Field(
        description="Importance of each searched value, 1 in total; empty until 8 trials have succeeded.",
        examples=[{"learning_rate": 0.8, "lora_rank": 0.2}],
    )
    importances_reason: str = Field(
        description="Why there are no importances; empty if there are.",
        examples=["It can be told once 8 trials have succeeded; 3 have so far."],
    )
    trained_seconds: float = Field(description="Total training time of the trials that have ended.", examples=[2220.0])
    leaders: list[StudyLeader] = Field(description="Best value over time: every trial that was the best so far.")
    all_trials: list[StudyTrial] = Field(description="The trials, by number.")

    @classmethod
    def of_details(cls, found: StudyDetails) -> Self:
        """The study as it is shown."""
        study = found.study
        return cls(
            **cls.fields_of(study, found.trials),
            request=study.request,
            estimate=Estimate.model_validate(study.estimate),
            total=StudyTotal.model_validate(
                total_of(study.request, [each.estimate for each in study.base_models] or [study.estimate])
            ),
            base_models=[StudyBaseModel.of(each) for each in study.base_models],
            dataset_digest=study.dataset_digest,
            report=StudyReport.of(found),
            importances=dict(found.importances.shares),
            importances_reason=found.importances.reason,
            trained_seconds=sum(done.seconds or 0.0 for done in found.efforts.values()),
            leaders=[_leader(study, trial) for trial in leaders(found.trials, sign=sign_of(study.request))],
            all_trials=[_trial(found, trial) for trial in found.trials],
        )


def _trial(found: StudyDetails, trial: domain.Trial) -> StudyTrial:
    curve = found.curves.get(trial.number, ())
    done = found.efforts.get(trial.number, Effort(None, None, None))
    return StudyTrial(
        **{name: getattr(trial, name) for name in StudyTrial.model_fields if name in domain.Trial.model_fields},
        curve=[loss if math.isfinite(loss) else None for loss in curve],
        lowest_loss=min(filter(math.isfinite, curve), default=None),
        steps=done.steps,
        planned_steps=done.planned_steps,
        duration_seconds=done.seconds,
    )


def _leader(study: domain.Study, trial: domain.Trial) -> StudyLeader:
    at = trial.ended_at or study.created_at
    seconds = (at - study.created_at).total_seconds()
    return StudyLeader.model_validate({"trial": trial.number, "at": at, "seconds": seconds, "value": trial.value})
