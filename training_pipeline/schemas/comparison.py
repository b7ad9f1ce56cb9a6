"""Response models of a comparison of training jobs."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field, JsonValue

from training_pipeline.domain.job import JobStatus
from training_pipeline.schemas.advice import Estimate
from training_pipeline.schemas.base import Answer
from training_pipeline.schemas.diff import PairChanges
from training_pipeline.schemas.evaluation import EVALUATION, EvaluationFigure
from training_pipeline.schemas.lineage import DIGEST
from training_pipeline.schemas.metrics import ValueAt
from training_pipeline.schemas.suite import JOB
from training_pipeline.schemas.training_job import ACCURACY, LOSS


class LossVerdict(Answer):
    """Whether the validation losses of the jobs can be compared."""

    comparable: bool | None = Field(
        description="True for the same validation rows, tokenizer, chat template and max_length; false where rows, "
        "tokenizer or template differ; null where that is unknown.",
        examples=[False],
    )
    shared_rows: int | None = Field(
        description="Validation rows that all jobs have; null where the rows of one are not recorded.", examples=[40]
    )
    total_rows: int | None = Field(
        description="Different validation rows that any of the jobs has; null as above.", examples=[62]
    )
    reasons: list[str] = Field(
        description="Why the losses cannot be compared, or why that is unknown; empty if they can.",
        examples=[
            ["They validated on different rows: 40 of 62 are in the validation split of every job."],
        ],
    )


class BestAndLast(Answer):
    """Best and last value of a series.

    The best loss is the lowest, the best accuracy the highest; of several equal ones the first.
    """

    best: ValueAt = Field(description="The best value.")
    last: ValueAt = Field(description="The last value.")


class ComparedJob(Answer):
    """One of the jobs: its results, its duration and its cost."""

    id: str = Field(description="Id of the job.", examples=[JOB])
    status: JobStatus = Field(description="Status of the job.", examples=["succeeded"])
    model_name: str = Field(description="Name of the model.", examples=["triage-model"])
    uc_model_name: str | None = Field(description="Full name of the registered model.", examples=["ml.models.triage"])
    uc_model_version: str | None = Field(description="The registered version; null until then.", examples=["2"])
    training_sheet_id: str = Field(description="Id of the training sheet.", examples=["sheet-123"])
    training_sheet_name: str = Field(description="Name of the training sheet.", examples=["Document triage"])
    base_model: str = Field(description="Base model.", examples=["builtin:tiny"])
    created_by: str = Field(description="Who created the job.", examples=["ada"])
    created_at: datetime = Field(description="When it was created.", examples=["2026-11-23T07:21:45Z"])
    started_at: datetime | None = Field(description="When training started.", examples=["2026-11-23T07:21:52Z"])
    train_pairs: int | None = Field(description="Pairs in the training split.", examples=[248])
    val_pairs: int | None = Field(description="Pairs in the validation split.", examples=[62])
    train_loss: BestAndLast | None = Field(description=f"{LOSS}, on training pairs; null if never measured.")
    val_loss: BestAndLast | None = Field(description=f"{LOSS}, on validation pairs; null if never measured.")
    train_accuracy: BestAndLast | None = Field(description=f"{ACCURACY}, in training; null if never measured.")
    val_accuracy: BestAndLast | None = Field(description=f"{ACCURACY}, in validation; null if never measured.")
    estimate: Estimate | None = Field(description="The estimate when the job was created; null for an old job.")
    duration_seconds: float | None = Field(
        description="Seconds of training; null until it has ended.", examples=[198.2]
    )
    tokens_processed: int | None = Field(description="Tokens processed; null until it has ended.", examples=[104520])
    cost_dbu: float | None = Field(description="Cost in Databricks units (DBU), where it is known.", examples=[1.5])


class Difference(Answer):
    """Something on record that differs between the jobs."""

    field: str = Field(description="Name of what differs.", examples=["training_config.learning_rate"])
    values: list[JsonValue] = Field(
        description="Its value in each job, in the order of `jobs`; null where a job has none or none was recorded.",
        examples=[[0.0001, 0.0002]],
    )


class DataDifference(Answer):
    """How the pairs of a job differ from those of the first job."""

    job_id: str = Field(description="The job.", examples=[JOB])
    counts: PairChanges | None = Field(
        description="Number of pairs that changed, by kind of change; null if the pairs cannot be compared."
    )
    problem: str | None = Field(description="Why the pairs cannot be compared; null if they can.", examples=[None])


class ComparedScore(Answer):
    """A metric compared with that of the first job of the suite, on the pairs that both have scores for."""

    metric: str = Field(description="The metric.", examples=["exact_match"])
    wins: int = Field(description="Pairs on which this job scores better.", examples=[12])
    losses: int = Field(description="Pairs on which this job scores worse.", examples=[5])
    ties: int = Field(description="Pairs with the same score.", examples=[83])
    difference: float = Field(description="Mean difference; positive if this job is better.", examples=[0.07])
    lower: float | None = Field(description="Lower end of the interval.", examples=[0.01])
    upper: float | None = Field(description="Upper end of the interval.", examples=[0.13])
    unscored: int = Field(
        description="Pairs for which only the first job has a score; they are not compared.", examples=[0]
    )


class JobScores(Answer):
    """Scores of a job's model version on a suite, in its newest evaluation there."""

    job_id: str = Field(description="The job.", examples=[JOB])
    evaluation_id: str = Field(description="The evaluation.", examples=[EVALUATION])
    model_name: str = Field(description="The model.", examples=["triage-model"])
    model_version: str = Field(description="Its version.", examples=["2"])
    figures: list[EvaluationFigure] = Field(description="Means over all pairs, with their intervals.")
    duels: list[ComparedScore] = Field(
        description="Comparison with the first job of the suite; empty for that job itself."
    )
    problem: str | None = Field(
        description="Why it is not compared with the first job, or only in part; null if it is.", examples=[None]
    )


class SuiteScores(Answer):
    """An evaluation suite that models of these jobs were evaluated on."""

    suite: str = Field(description="The suite.", examples=["triage-2026-11"])
    suite_digest: str = Field(description="SHA-256 (hex) of its pairs.", examples=[DIGEST])
    jobs: list[JobScores] = Field(description="The jobs that were evaluated on it, in the order of `jobs`.")


class TrainingJobComparison(Answer):
    """Training jobs side by side. The others are compared with the first one."""

    jobs: list[ComparedJob] = Field(description="The jobs, in the requested order.")
    validation_losses: LossVerdict = Field(description="Whether their validation losses can be compared.")
    differences: list[Difference] = Field(
        description=(
            "What differs between the jobs, by name: resolved configuration, base model, sheet, template, "
            "split, backend, and software and hardware."
        )
    )
    data: list[DataDifference] = Field(
        description="For each job but the first, how its pairs differ from those of the first."
    )
    evaluations: list[SuiteScores] = Field(
        description="Scores of their model versions, by suite; the suites with the most jobs first."
    )
