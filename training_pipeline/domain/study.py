"""A study: a set of training jobs that search for the configuration with the best validation loss or score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from training_pipeline.domain.estimate.estimate import Estimate
from training_pipeline.domain.lineage import BaseModelRecord
from training_pipeline.domain.search import BASE_MODEL, SearchSpace, Value
from training_pipeline.domain.training_config import JobRequest

#: What a study may be called. Its trials are called after it, as models are.
NAME: Final = r"^[a-z0-9][a-z0-9_-]{0,55}$"
MOST_TRIALS: Final = 500
MOST_AT_ONCE: Final = 32
#: After so many trials that failed of one cause, or were too dear, the study stops.
SAME_FAILURES: Final = 3
#: The cause of a trial that was not started, for the budget would not have held.
TOO_DEAR: Final = "too_dear"


class Pruner(Value):
    """When a trial is stopped early: where its loss is above the median of the ended trials at the same evaluation."""

    kind: Literal["median", "none"] = Field(
        "median", description="Rule for stopping trials early; `none` stops no trial.", examples=["median"]
    )
    startup_trials: int = Field(
        5,
        ge=1,
        le=MOST_TRIALS,
        description="Number of trials that must succeed before any is stopped early.",
        examples=[5],
    )
    warmup_evaluations: int = Field(
        1, ge=0, le=1000, description="Number of evaluations before a trial may be stopped early.", examples=[1]
    )


class StudyRequest(Value):
    """A user's request for a study."""

    name: str = Field(
        pattern=NAME, description="Name of the study; trials are named after it.", examples=["triage-2026-11"]
    )
    job: Annotated[JobRequest, Field(strict=False)] = Field(
        description="Training job that every trial is based on, apart from the searched values."
    )
    space: Annotated[SearchSpace, Field(strict=False)] = Field(description="Search space.")
    objective: Literal["val_loss", "suite"] = Field(
        "val_loss",
        description="What trials are compared by: the validation loss, or the metric on one half of the suite.",
        examples=["val_loss"],
    )
    suite: str | None = Field(
        None,
        description=(
            "Evaluation suite for the best trial; if trials are compared by the suite, the best one is "
            "evaluated on its other half."
        ),
        examples=["triage-2026-11"],
    )
    metric: str = Field("exact_match", description="The metric of the suite.", examples=["exact_match"])
    sampler: Literal["tpe", "random"] = Field(
        "tpe",
        description="How configurations are chosen: from the results of earlier trials, or at random.",
        examples=["tpe"],
    )
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Random seed of the search.", examples=[42])
    pruner: Annotated[Pruner, Field(strict=False)] = Field(Pruner(), description="When trials are stopped early.")
    most_trials: int = Field(20, ge=1, le=MOST_TRIALS, description="Maximum number of trials.", examples=[20])
    most_at_once: int = Field(
        1, ge=1, le=MOST_AT_ONCE, description="Maximum number of trials at the same time.", examples=[2]
    )
    promote: bool = Field(
        False,
        description="Train the best configuration once more when the study has finished, and register the model.",
        examples=[True],
    )
    hours: Annotated[float, Field(gt=0, le=8760, allow_inf_nan=False)] | None = Field(
        None,
        description="Time limit in hours from its creation; after it running trials are cancelled.",
        examples=[8.0],
    )
    cost: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None,
        description="Limit of the estimated cost of all trials, in the currency of the price list.",
        examples=[50.0],
    )

    @property
    def base_models(self) -> tuple[str | None, ...]:
        """The base models of its trials as they are asked for; null is the default one."""
        searched = self.space.base_model
        return (self.job.base_model,) if searched is None else searched.choices


class StudyStatus(StrEnum):
    """How far a study is. One that is `ending` starts no trial and waits for those that run."""

    RUNNING = "running"
    ENDING = "ending"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


class TrialStatus(StrEnum):
    """How far a trial is: `asked` has a configuration and no job yet."""

    ASKED = "asked"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PRUNED = "pruned"
    FAILED = "failed"
    CANCELLED = "cancelled"


LIVE_STUDIES: Final = (StudyStatus.RUNNING, StudyStatus.ENDING)
LIVE_TRIALS: Final = (TrialStatus.ASKED, TrialStatus.RUNNING)


class Record(BaseModel):
    """What is on record."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StudyBaseModel(Record):
    """A base model of a study, as it was when the study was created: all trials on it start from the same weights."""

    #: What the study calls it; null for the default one.
    asked: str | None
    model: BaseModelRecord
    #: Of one trial on it in the middle of the space.
    estimate: Estimate


class Study(Record):
    """A study as it is on record."""

    name: str
    request: StudyRequest
    status: StudyStatus
    #: What it ends as; null while it runs.
    outcome: StudyStatus | None = None
    #: Why it ends, or ended.
    why: str = ""
    #: What it waits for.
    message: str = ""
    #: Whether trials that still run are cancelled when it ends.
    cancels: bool = False
    created_by: str
    created_at: datetime
    ended_at: datetime | None = None
    #: The job whose split every trial keeps; null where there was none, or a fresh split was requested.
    split_predecessor: str | None = None
    #: What all trials are trained on; null until the first one has it.
    dataset_digest: str | None = None
    #: Of one trial in the middle of the space, when the study was created.
    estimate: Estimate
    #: Empty for a study of before they were put on record.
    base_models: tuple[StudyBaseModel, ...] = ()

    def base_model(self, params: Mapping[str, Any]) -> StudyBaseModel | None:
        """The base model of a trial with these values; None where it is not on record."""
        asked = params.get(BASE_MODEL, self.request.job.base_model)
        return next((each for each in self.base_models if each.asked == asked), None)

    def pinned(self, params: Mapping[str, Any]) -> BaseModelRecord | None:
        """What the base model of a trial with these values has to be; None where that is not on record."""
        found = self.base_model(params)
        return None if found is None else found.model


class Trial(Record):
    """A trial as it is on record: a configuration, the training job that tries it, and what came of it."""

    study: str
    number: int
    params: dict[str, Any]
    status: TrialStatus
    job_id: str | None = None
    #: The validation loss, or the score, of a trial that succeeded.
    value: float | None = None
    #: How many of its evaluations the pruner has judged.
    judged: int = 0
    #: The evaluation after which it was told to stop.
    pruned_at: int | None = None
    #: The code of what made it fail.
    cause: str | None = None
    message: str = ""
    estimated_seconds: float | None = None
    estimated_cost: float | None = None
    asked_at: datetime
    ended_at: datetime | None = None
    promoted_job_id: str | None = None


def best_of(trials: Iterable[Trial], *, sign: int = 1) -> Trial | None:
    """The succeeded trial with the lowest value, the first of equals; None where none has succeeded.

    With a `sign` of -1 the one with the highest.
    """
    found = [(sign * trial.value, trial) for trial in trials if trial.value is not None]
    done = [(value, trial.number, trial) for value, trial in found if trial.status is TrialStatus.SUCCEEDED]
    return min(done, key=lambda each: each[:2], default=(None, None, None))[2]


def leaders(trials: Iterable[Trial], *, sign: int = 1) -> list[Trial]:
    """The trials that were the best one when they ended, in that order: how the search got on.

    With a `sign` of -1 the highest value is the best.
    """
    over = [trial for trial in trials if trial.status is TrialStatus.SUCCEEDED and trial.ended_at is not None]
    found: list[Trial] = []
    for trial in sorted(over, key=lambda trial: (trial.ended_at, trial.number)):
        leads = trial.value is not None and (not found or sign * trial.value < sign * (found[-1].value or 0.0))
        if leads:
            found.append(trial)
    return found


def common_failure(trials: Iterable[Trial]) -> Trial | None:
    """The last of `SAME_FAILURES` trials that failed of one cause; None where there are not so many."""
    seen: dict[str | None, int] = {}
    for trial in trials:
        if trial.status is TrialStatus.FAILED:
            seen[trial.cause] = seen.get(trial.cause, 0) + 1
            if seen[trial.cause] == SAME_FAILURES:
                return trial
    return None


def one_more(study: Study, trials: Iterable[Trial]) -> float:
    """What a trial more costs by estimate, on the dearest of the base models.

    0 where nobody could ever say; then no study has a budget in money.
    """
    made = [*trials]
    return max(_one_on(study, made, {BASE_MODEL: asked}) for asked in study.request.base_models)


def spent(study: Study, trials: Sequence[Trial]) -> float:
    """What the trials cost by estimate.

    One with a job whose cost nobody could say, as of a price list that was broken meanwhile, costs what one more on its
    base model would.
    """
    return sum(
        _one_on(study, trials, trial.params) if trial.estimated_cost is None else trial.estimated_cost
        for trial in trials
        if trial.estimated_cost is not None or trial.job_id is not None
    )


def _one_on(study: Study, trials: Iterable[Trial], params: Mapping[str, Any]) -> float:
    """What a trial on the base model of these values costs: those on it on average, else what one was to at first."""
    asked = params.get(BASE_MODEL)
    alike = (trial for trial in trials if asked is None or trial.params.get(BASE_MODEL, asked) == asked)
    known = [trial.estimated_cost for trial in alike if trial.estimated_cost is not None]
    found = study.base_model({BASE_MODEL: asked} if asked is not None else {})
    first = study.estimate if found is None else found.estimate
    return sum(known) / len(known) if known else first.cost.middle or 0.0


def with_values(job: JobRequest, params: Mapping[str, Any]) -> JobRequest:
    """The job with these values of what is searched. Raises `ValidationError` for what no job may have."""
    stated = job.training_config.model_dump(exclude_unset=True)
    values = {name: value for name, value in params.items() if name != BASE_MODEL}
    config = job.training_config.model_validate({**stated, **values})
    base_model = params.get(BASE_MODEL, job.base_model)
    return job.model_copy(update={"training_config": config, "base_model": base_model})


def trial_request(study: Study, params: Mapping[str, Any], number: int) -> JobRequest:
    """The training job of a trial: as the study's, with the trial's values, a name of its own, not registered.

    Its base model is the one on record, also where the default has become another one since.
    """
    job, pinned = with_values(study.request.job, params), study.pinned(params)
    return job.model_copy(
        update={
            "base_model": job.base_model if pinned is None else pinned.reference,
            "model_name": f"{study.name}-t{number}",
            "split_predecessor": study.split_predecessor,
            "register_to_uc": False,
        }
    )


def winning_request(study: Study, trial: Trial) -> JobRequest:
    """An ordinary job with a trial's values, on the trial's split, that registers its model."""
    again = trial_request(study, trial.params, trial.number)
    kept = {"model_name": study.request.job.model_name, "register_to_uc": True, "fresh_split": False}
    return again.model_copy(update={**kept, "split_predecessor": trial.job_id})
