"""What a training came to, pair by pair: figures for everybody, texts for who may see them. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from training_pipeline.backends.results import AnsweredQuestion, MeasuresPairs
from training_pipeline.datasets.validation_text import validation_ids, validation_pairs
from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.refs import required
from training_pipeline.schemas.result import AnsweredPair, TrainingJobResult
from training_pipeline.schemas.result import PairLoss as ShownLoss

if TYPE_CHECKING:
    from training_pipeline.app.container import Services
    from training_pipeline.backends.results import PairLoss
    from training_pipeline.datasets.validation_text import ValidationPair
    from training_pipeline.domain.job import TrainingJob

#: Why a text is not shown to somebody whose role does not let them see any.
OF_ROLE: Final = "role"


def job_result(services: Services, job_id: str, *, texts: bool, limit: int) -> TrainingJobResult:
    """Answers before and after, and the `limit` pairs with the highest loss; raises `NotFound`.

    What cannot be read is told and not raised: the figures are there all the same.
    """
    job = services.jobs.get(job_id)
    answered: list[AnsweredPair] = []
    losses: list[ShownLoss] = []
    measured, why = 0, None
    if job.status is not JobStatus.SUCCEEDED:
        why = "The job has not succeeded."
    else:
        try:
            asked, every = _kept(services, job)
            measured = len(every)
            ids = _ids(job, max(len(asked), measured))
            named = [one.model_copy(update={"pair_id": ids[place]}) for place, one in enumerate(every)]
            highest = sorted(named, key=lambda one: (one.loss is not None, -(one.loss or 0.0)))[:limit]
            pairs = _pairs(services, job, {*ids[: len(asked)], *(one.pair_id for one in highest)})
            answered = [_answered(one, pairs.get(ids[place] or ""), texts=texts) for place, one in enumerate(asked)]
            losses = [_loss(one, pairs.get(one.pair_id or ""), texts=texts) for one in highest]
        except PipelineError as error:
            why = error.message
    custom = job.result.custom_metrics or {}
    return TrainingJobResult(
        job_id=job_id,
        texts_shown=texts,
        exact_match_before=custom.get("exact_match_before"),
        exact_match_after=custom.get("exact_match_after"),
        val_loss_before=custom.get("val_loss_before"),
        val_loss_after=job.progress.val_loss,
        stopped_answers=_whole(custom.get("stopped_answers")),
        asked_questions=_whole(custom.get("asked_questions")),
        answered=answered,
        losses=losses,
        losses_measured=measured,
        unavailable=why,
    )


def _kept(services: Services, job: TrainingJob) -> tuple[Sequence[AnsweredQuestion], Sequence[PairLoss]]:
    """What the run has left of it, where it is the backend's in use."""
    backend = services.backend
    if job.backend != backend.name:
        return (), ()
    losses = backend.pair_losses(job.id, job.attempt) if isinstance(backend, MeasuresPairs) else ()
    return backend.answers(job.id, job.attempt), losses


def _ids(job: TrainingJob, count: int) -> list[str | None]:
    """The ids of the first pairs of the validation file: in its order questions are asked, and losses measured."""
    found = validation_ids(required(job.data.dataset, "dataset"), count)
    return [*found, *[None] * (count - len(found))]


def _pairs(services: Services, job: TrainingJob, wanted: Collection[str | None]) -> Mapping[str, ValidationPair]:
    withdrawn = services.revocations.withdrawn(job.request.training_sheet_id)
    ids = [pair_id for pair_id in wanted if pair_id is not None]
    return validation_pairs(required(job.data.dataset, "dataset"), ids, withdrawn)


def _answered(one: AnsweredQuestion, pair: ValidationPair | None, *, texts: bool) -> AnsweredPair:
    why = _withheld(pair, texts=texts)
    right = {"right_before": one.before == one.expected, "right_after": one.after == one.expected}
    shown = one.model_dump() if why is None else dict.fromkeys(AnsweredQuestion.model_fields)
    return AnsweredPair(pair_id=pair.pair_id if pair else None, withheld=why, **shown, **right)


def _loss(one: PairLoss, pair: ValidationPair | None, *, texts: bool) -> ShownLoss:
    why = _withheld(pair, texts=texts)
    shown = pair if why is None else None
    return ShownLoss(
        **one.model_dump(),
        classification=pair.classification if pair else None,
        question=shown.question if shown else None,
        expected=shown.expected if shown else None,
        withheld=why,
    )


def _withheld(pair: ValidationPair | None, *, texts: bool) -> str | None:
    if not texts:
        return OF_ROLE
    return "gone" if pair is None else pair.withheld


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
