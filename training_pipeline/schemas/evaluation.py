"""Models of evaluations: how good a model version is on a suite, beside its base model and the one in use."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, Field

from training_pipeline.domain.judge import JUDGE_NAME
from training_pipeline.domain.usage import DataClassification
from training_pipeline.models.evaluation.records import EvaluationStatus
from training_pipeline.models.evaluation.subsets import NAME
from training_pipeline.schemas.base import Answer
from training_pipeline.schemas.lineage import DIGEST
from training_pipeline.schemas.suite import JOB

if TYPE_CHECKING:
    from training_pipeline.models.evaluation import records
    from training_pipeline.models.evaluation.judges import Judging

EVALUATION: str = "ev-20261123-072145-9f3a2c"


class EvaluateModelVersion(BaseModel):
    """An evaluation to run."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"example": {"suite": "triage-2026-11"}})

    suite: str = Field(pattern=NAME, description="The evaluation suite.", examples=["triage-2026-11"])
    champion: str | None = Field(
        None,
        max_length=800,
        description=(
            "Version of the same model to compare with; by default the one with the alias `champion`, if "
            "there is one and its files are available."
        ),
        examples=["1"],
    )
    base: bool = Field(True, description="Whether the base model answers the questions as well.", examples=[True])
    judge: str | None = Field(
        None,
        pattern=JUDGE_NAME,
        description=(
            "Judge that decides whether each answer is right, by its name in the settings; by default none. "
            "It is sent the question, the expert's answer and the model's answer if the pair's classification"
            " permits."
        ),
        examples=["house-judge"],
    )


class EvaluationCounts(Answer):
    """Counts of the pairs of the suite: asked = evaluated + refused + aged."""

    asked: int = Field(description="Pairs of the suite.", examples=[30])
    evaluated: int = Field(description="Pairs that the models answer.", examples=[27])
    refused: dict[str, int] = Field(
        description="Pairs that one of the models has seen, by finding.", examples=[{"same_question": 2}]
    )
    aged: dict[str, int] = Field(
        description="Pairs that changed, or may no longer be evaluated on, by reason.", examples=[{"text_changed": 1}]
    )
    reported: dict[str, int] = Field(
        description="Pairs that are evaluated in spite of a finding, by finding.", examples=[{"same_item": 3}]
    )
    is_ancestry_known: bool = Field(
        description="Whether it is recorded what the first of these models was trained from.", examples=[True]
    )


class EvaluationSlice(Answer):
    """The pairs that have one value in common."""

    by: str = Field(description="Name of the slice.", examples=["classification"])
    value: str = Field(description="The value.", examples=["public"])


class EvaluationFigure(Answer):
    """The mean of a metric with its interval; with `over`, how much better one model is than another, pair by pair."""

    model: str = Field(description="base, tuned (the version itself) or champion.", examples=["tuned"])
    over: str | None = Field(description="Model that it is compared with; null for a mean.", examples=[None])
    metric: str = Field(description="The metric.", examples=["exact_match"])
    of: EvaluationSlice | None = Field(description="The slice; null for all pairs.", examples=[None])
    n: int = Field(description="Pairs that have a score.", examples=[27])
    estimate: float = Field(description="The mean; for a comparison, the mean difference.", examples=[0.81])
    lower: float | None = Field(description="Lower end of the interval.", examples=[0.63])
    upper: float | None = Field(description="Upper end of the interval.", examples=[0.92])
    level: float = Field(description="Confidence level of the interval.", examples=[0.95])
    wins: int | None = Field(description="Pairs on which it is better; null for a mean.", examples=[None])
    losses: int | None = Field(description="Pairs on which it is worse; null for a mean.", examples=[None])
    ties: int | None = Field(description="Pairs with the same score; null for a mean.", examples=[None])


class JudgedModel(Answer):
    """The judge for one model: evaluated = judged + unanswered + not_sent + all of not_judged."""

    model: str = Field(description="base, tuned (the version itself) or champion.", examples=["tuned"])
    answered_as: list[str] = Field(
        description="Models that answered, by their names at the endpoint.", examples=[["m"]]
    )
    prompt_version: str = Field(description="Version of the judge's instructions.", examples=["1"])
    judged: int = Field(description="Answers that were judged.", examples=[25])
    unanswered: int = Field(
        description="Questions without an answer; they count as wrong and are not sent.", examples=[0]
    )
    not_sent: int = Field(description="Pairs that were not sent because of their classification.", examples=[2])
    not_judged: dict[str, int] = Field(
        description="Answers that the judge failed to judge, by reason.", examples=[{"no_verdict": 0}]
    )
    agreement: float | None = Field(
        description="Share of verdicts that agree with exact match; null without verdicts.", examples=[0.92]
    )
    missing: str | None = Field(
        description="Why the judge gave no scores, and what to do; null if it did.", examples=[None]
    )


class EvaluationJudge(Answer):
    """The judge of an evaluation."""

    name: str = Field(description="Its name in the settings.", examples=["house-judge"])
    url: str = Field(description="The endpoint that pairs are sent to.", examples=["https://models.example.org/v1"])
    model: str = Field(description="Model that is requested, at temperature 0.", examples=["judge-7b"])
    max_classification: DataClassification = Field(
        description="The strictest classification that it may read.", examples=["public"]
    )
    answers: list[JudgedModel] = Field(description="The results; empty until the evaluation has succeeded.")

    @classmethod
    def of(cls, found: Judging) -> Self:
        """A judge as it is shown."""
        answers = [
            JudgedModel(
                model=role,
                answered_as=list(each.models),
                prompt_version=each.prompt_version,
                judged=each.judged,
                unanswered=each.unanswered,
                not_sent=each.not_sent,
                not_judged=each.not_judged,
                agreement=each.agreed / each.judged if each.judged else None,
                missing=found.missing(role),
            )
            for role, each in (found.answers or {}).items()
        ]
        order = found.order
        return cls(
            name=order.name,
            url=order.url,
            model=order.model,
            max_classification=found.max_classification,
            answers=answers,
        )


class ModelEvaluation(Answer):
    """An evaluation of a model version on a suite."""

    id: str = Field(description="Its id.", examples=[EVALUATION])
    model_name: str = Field(description="The model.", examples=["triage-model"])
    model_version: str = Field(description="Its version.", examples=["2"])
    job_id: str = Field(description="The job that trained the version.", examples=[JOB])
    suite: str = Field(description="The evaluation suite.", examples=["triage-2026-11"])
    suite_digest: str = Field(description="SHA-256 (hex) of its pairs.", examples=[DIGEST])
    champion_version: str | None = Field(description="The version that it is compared with.", examples=["1"])
    status: EvaluationStatus = Field(description="Status of the evaluation.", examples=["succeeded"])
    message: str = Field(description="Current step, or what it is waiting for.", examples=[""])
    error: str | None = Field(description="Why it failed.", examples=[None])
    created_by: str = Field(description="Who requested it.", examples=["ada"])
    created_at: datetime = Field(description="When it was requested.", examples=["2026-11-23T07:21:45Z"])
    finished_at: datetime | None = Field(description="When it ended.", examples=["2026-11-23T07:24:02Z"])
    counts: EvaluationCounts = Field(description="How many pairs of the suite were evaluated, and why others were not.")
    scores: dict[str, str] = Field(
        description=(
            "Parquet files with the scores by model: one row for each pair, without text. Empty until it has succeeded."
        ),
        examples=[{"tuned": "/var/lib/training_pipeline/runs/ev-20261123-072145-9f3a2c-1/scores/tuned.parquet"}],
    )
    figures: list[EvaluationFigure] = Field(description="The metrics; empty until it has succeeded.")
    judge: EvaluationJudge | None = Field(description="The judge of the answers; null for none.")

    @classmethod
    def of(cls, found: records.Evaluation) -> Self:
        """An evaluation as it is shown."""
        return cls(
            id=found.id,
            model_name=found.model_name,
            model_version=found.model_version,
            job_id=found.job_id,
            suite=found.suite_name,
            suite_digest=found.suite_digest,
            champion_version=found.champion_version,
            status=found.status,
            message=found.message,
            error=found.error,
            created_by=found.created_by,
            created_at=found.created_at,
            finished_at=found.finished_at,
            counts=EvaluationCounts.model_validate(found.counts),
            scores={role: str(stored.path) for role, stored in (found.scores or {}).items()},
            figures=[EvaluationFigure.model_validate(figure) for figure in found.figures or ()],
            judge=None if found.judge is None else EvaluationJudge.of(found.judge),
        )


class ModelEvaluations(Answer):
    """The evaluations of a model version."""

    evaluations: list[ModelEvaluation] = Field(description="The evaluations, the newest first.")
    total: int = Field(description="Number of evaluations.", examples=[1])

    @classmethod
    def of(cls, found: list[records.Evaluation]) -> Self:
        """All of them, as they are shown."""
        return cls(evaluations=[ModelEvaluation.of(each) for each in found], total=len(found))
