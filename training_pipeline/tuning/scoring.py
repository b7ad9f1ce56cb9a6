"""The scores of trials on the suite of their study: asked for, looked up, and said. `Evaluations` carries them on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.study import Study, StudyRequest, StudyStatus, Trial, TrialStatus
from training_pipeline.models.evaluation.evaluations import Evaluations
from training_pipeline.models.evaluation.kept import KeptModels
from training_pipeline.models.evaluation.metrics import METRICS
from training_pipeline.models.evaluation.records import ACTIVE, Evaluation, EvaluationStatus, StoredFigure
from training_pipeline.tuning.objective import choosing, reporting

#: The cause of a trial that was asked other pairs than the trials before it.
OTHER_QUESTIONS: Final = "suite_changed"


class Scoring:
    """Evaluates trials. Each trial is evaluated once, whoever asks, and however often."""

    def __init__(self, kept: KeptModels, evaluations: Evaluations) -> None:
        self._kept, self._evaluations = kept, evaluations

    def outcome(self, study: Study, trial: Trial, trials: Iterable[Trial]) -> dict[str, Any] | None:
        """What a trial came to whose job has succeeded, where a suite chooses; None while it is being evaluated.

        It has failed where it was asked other pairs than those of the `trials` that have succeeded. Starts the
        evaluation, unless the study ends and cancels what runs. Raises what starting one raises.
        """
        request, job_id = study.request, trial.job_id or ""
        found = self._kept.find(job_id, choosing(request))
        if found is None and study.status is StudyStatus.ENDING and study.cancels:
            return {"status": TrialStatus.CANCELLED, "message": "The study ended before it was evaluated."}
        if found is None:
            found = self._kept.start(job_id, request.suite or "", choosing(request), actor=study.created_by)
        if found.status in ACTIVE:
            return None
        first = next((each for each in trials if each.status is TrialStatus.SUCCEEDED), None)
        other = None if first is None else self._kept.find(first.job_id or "", choosing(request))
        if first is not None and other is not None and _asked_otherwise(found, other):
            said = (
                f"It was asked other pairs of the suite {request.suite} than trial {first.number}, for some aged or "
                "may be asked again: their scores cannot be compared."
            )
            return {"status": TrialStatus.FAILED, "cause": OTHER_QUESTIONS, "message": said}
        return _outcome(request, found)

    def report(self, study: Study, best: Trial) -> Evaluation:
        """The evaluation that says how good the best trial is, which chose nothing. Starts it.

        One that can never be is on record as failed. Raises what may pass.
        """
        request, job_id = study.request, best.job_id or ""
        try:
            return self._kept.start(job_id, request.suite or "", reporting(request), actor=study.created_by)
        except PipelineError as error:
            if not error.recurs:
                raise
            half = reporting(request)
            return self._kept.refuse(job_id, request.suite or "", half, error, actor=study.created_by)

    def reported(self, request: StudyRequest, best: Trial | None) -> Evaluation | None:
        """The evaluation that says how good the best trial is; None where there is none. Reads only."""
        if best is None or best.job_id is None or request.suite is None:
            return None
        return self._kept.find(best.job_id, reporting(request))

    def cancel(self, study: Study, trial: Trial) -> None:
        """Have the evaluation of a trial stopped, where it has one that runs. Idempotent."""
        found = self._kept.find(trial.job_id or "", choosing(study.request))
        if found is not None and found.status in ACTIVE:
            self._evaluations.cancel(found.model_name, found.model_version, found.id)


def figure_of(request: StudyRequest, evaluation: Evaluation) -> StoredFigure | None:
    """The figure of the study's metric over all pairs that were asked; None where no pair has it."""
    means = [each for each in evaluation.figures or () if each.over is None and each.of is None]
    return next((each for each in means if (each.model, each.metric) == ("tuned", request.metric)), None)


def _asked_otherwise(one: Evaluation, other: Evaluation) -> bool:
    """Whether it is on record that two evaluations asked other pairs."""
    digests = [stored.pairs_digest for each in (one, other) if (stored := (each.scores or {}).get("tuned"))]
    return len({digest for digest in digests if digest is not None}) > 1


def unscored(request: StudyRequest, evaluation: Evaluation) -> str | None:
    """Why its figure is none of the suite: pairs on which the model came to no score. None where there are none.

    The rest may be the pairs that are easy for it, and a question without an answer is a wrong one.
    """
    figure, stored = figure_of(request, evaluation), (evaluation.scores or {}).get("tuned")
    if figure is None:
        return f"No pair of the suite {request.suite} has a score of {request.metric}."
    missing = 0 if stored is None or METRICS[request.metric].null != "model" else stored.pairs - figure.n
    if not missing:
        return None
    return (
        f"On {missing:,} of {missing + figure.n:,} pairs of the suite {request.suite} it came to no score of "
        f"{request.metric}, and the others do not speak for them: choose by a metric that every pair has, such as "
        "exact_match, or make a suite without them."
    )


def _outcome(request: StudyRequest, found: Evaluation) -> dict[str, Any]:
    match found.status:
        case EvaluationStatus.CANCELLED:
            return {"status": TrialStatus.CANCELLED, "message": "Its evaluation was cancelled."}
        case EvaluationStatus.SUCCEEDED:
            figure, said = figure_of(request, found), unscored(request, found)
            if figure is not None and said is None:
                return {"status": TrialStatus.SUCCEEDED, "value": figure.estimate, "message": ""}
            return {"status": TrialStatus.FAILED, "cause": "no_score", "message": said}
    said = f"It could not be evaluated: {found.error or 'no reason given'}"
    return {"status": TrialStatus.FAILED, "cause": "evaluation_failed", "message": said}
