"""The winner of a study: trained once more, as an ordinary job that registers its model."""

from __future__ import annotations

from sqlalchemy import Connection

from training_pipeline.domain.job import ACTIVE, JobStatus, TrainingJob
from training_pipeline.domain.study import Study, Trial, winning_request
from training_pipeline.models.evaluation.records import Evaluation, EvaluationStatus
from training_pipeline.training_jobs.lifecycle.service import JobService
from training_pipeline.training_jobs.store.events import EventType, record_event
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.tuning import records
from training_pipeline.tuning.scoring import Scoring, figure_of, unscored


class Promoting:
    """Creates the jobs of winners: one for a trial, whoever asks, and however often."""

    def __init__(self, store: JobStore, jobs: JobService, scoring: Scoring) -> None:
        self._store, self._jobs, self._scoring = store, jobs, scoring

    def promote(self, study: Study, trial: Trial, *, actor: str) -> TrainingJob:
        """Create an ordinary job with a trial's configuration that registers its model.

        Again: the job that is there, unless it came to nothing. Raises what creating a job raises.
        """
        if trial.promoted_job_id is not None:
            job = self._store.get(trial.promoted_job_id)
            if job.status in {*ACTIVE, JobStatus.SUCCEEDED}:
                return job
        report = self._scoring.reported(study.request, trial)

        def also(connection: Connection, job: TrainingJob) -> None:
            if not records.promoted(connection, trial, job.id):
                raise _Overtaken
            record_event(connection, job.id, EventType.INFO, _said(study, trial, report), actor)

        try:
            request, pinned = winning_request(study, trial), study.pinned(trial.params)
            return self._jobs.create(request, created_by=actor, also=also, pinned=pinned)
        except _Overtaken:
            trials = records.trials_of(self._store, study.name)
            return self.promote(study, next(one for one in trials if one.number == trial.number), actor=actor)


class _Overtaken(Exception):
    """Somebody else promoted the trial a moment before."""


def _said(study: Study, trial: Trial, report: Evaluation | None) -> str:
    """What the job of a winner says of how good its configuration is."""
    request, value = study.request, "" if trial.value is None else f" of {trial.value:.6g}"
    head = f"Configuration of trial {trial.number} of the study {study.name}."
    if request.objective == "suite":
        chosen = f"Its {request.metric}{value} on one half of the suite {request.suite}"
    else:
        chosen = f"Its validation loss{value}"
    selected = f"{head} {chosen} is selected: the same pairs chose it, so that it flatters the model."
    figure = None if report is None else figure_of(request, report)
    if report is None or report.status is not EvaluationStatus.SUCCEEDED or figure is None:
        return f"{selected} Evaluate the model on a suite."
    where = "the other half" if report.half else f"the suite {request.suite}"
    said = f"{selected} On {where}, which chose nothing, its {request.metric} is {figure.estimate:.6g}."
    return " ".join(filter(None, (said, unscored(request, report))))
