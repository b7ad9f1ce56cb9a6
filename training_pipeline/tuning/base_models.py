"""The base models of a study: which of them can stand beside each other, and what each is when it is created."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.domain.comparable import Measured, Overlap, verdict
from training_pipeline.domain.errors import FieldProblem
from training_pipeline.domain.search import BASE_MODEL
from training_pipeline.domain.study import StudyBaseModel, StudyRequest
from training_pipeline.domain.study_space import middle
from training_pipeline.training_jobs.lifecycle.ancestors import as_known
from training_pipeline.training_jobs.lifecycle.dry_run import DryRun
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.tuning import records

#: The dry run of a trial on each base model, by what the study calls it; null is the default one.
Plans = Mapping[str | None, DryRun]
AT: Final = f"/space/{BASE_MODEL}"
#: Of one token: another tokenizer makes others of the same text. The trainer's loss is, too.
_PER_TOKEN: Final = frozenset({"token_loss"})
#: The same pairs for all of them: a study has one dataset.
_ALL: Final = Overlap(0, 0)


def asked_in_the_middle(request: StudyRequest) -> str | None:
    """What the base model in the middle of a sound space is called."""
    found: str | None = middle(request.space).get(BASE_MODEL, request.job.base_model)
    return found


def problems_of(request: StudyRequest, plans: Plans) -> Iterator[FieldProblem]:
    """A base model that is there twice, and values that cannot be compared between base models."""
    named: dict[str, str | None] = {}
    for asked, plan in plans.items():
        if plan.base_model in named:
            said = f"has a base model twice: {named[plan.base_model]} and {asked} are both {plan.base_model}"
            yield FieldProblem(AT, "twice", said)
        named[plan.base_model] = asked
    measure = request.objective if request.objective == "val_loss" else request.metric
    if len(plans) < 2 or measure not in {"val_loss", *_PER_TOKEN} or not (why := _differences(plans)):
        return
    names = ", ".join(str(asked) for asked in plans)
    said = f"is {measure}, but losses of these base models ({names}) cannot be compared: {' '.join(why)} "
    if measure == "val_loss":
        said += "Set objective to suite and name a suite, or search base models of one tokenizer"
        yield FieldProblem("/objective", "not_comparable", said)
    else:
        said += "Set it to bits_per_byte, or to the share of right answers"
        yield FieldProblem("/metric", "not_comparable", said)


def identified(backend: FineTuningBackend, plans: Plans) -> tuple[StudyBaseModel, ...]:
    """What each base model is now, for all trials on it. Asks the Hub, and reads every byte of those in folders.

    Raises `Unavailable` for files that cannot be read.
    """
    return tuple(
        StudyBaseModel(
            asked=asked,
            model=backend.identify(plan.base_model, backend.revision(plan.base_model)),
            estimate=plan.estimate,
        )
        for asked, plan in plans.items()
    )


def ours_beside(store: JobStore, job_id: str) -> tuple[str, ...]:
    """The jobs of ours that trained the base models of the study of which a job is a trial; empty for other jobs.

    No trial is asked what one of them has seen: scores on other pairs could not be compared. Reads only.
    """
    study = records.of_job(store, job_id)
    known = [as_known(store, each.model, job_id=job_id).ancestors for each in study.base_models] if study else []
    return tuple(dict.fromkeys(ancestors[0].job_id for ancestors in known if ancestors))


def _differences(plans: Plans) -> list[str]:
    """Why losses on these base models cannot be compared, in sentences; empty where they can be."""
    unknown = [str(asked) for asked, plan in plans.items() if plan.tokenizer_sha256 is None]
    if unknown:
        return [f"The tokenizer of {', '.join(unknown)} cannot be asked before the training."]
    found = verdict(
        [
            Measured(
                job_id=str(asked),
                dataset_digest="",
                tokenizer=plan.tokenizer_sha256,
                chat_template=plan.chat_template_sha256,
                max_length=plan.config.max_length,
            )
            for asked, plan in plans.items()
        ],
        _ALL,
    )
    return [*found.reasons]
