"""How trials start: a configuration is asked for and put on record, then a job is created for it.

Write before you call: a configuration is on record before its job is created, and a trial's job is stored in one
transaction with the trial.
"""

from __future__ import annotations

from sqlalchemy import Connection

from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.estimate.estimate import Estimate
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.study import (
    TOO_DEAR,
    Study,
    StudyStatus,
    Trial,
    TrialStatus,
    one_more,
    spent,
    trial_request,
)
from training_pipeline.domain.training_sheet import TRAINABLE_SHEETS
from training_pipeline.sheets.base import TrainingSheetSource
from training_pipeline.training_jobs.lifecycle.service import JobService
from training_pipeline.training_jobs.store.estimates import ESTIMATE
from training_pipeline.training_jobs.store.events import SYSTEM, EventType, record_event
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.tuning import optimizer, records
from training_pipeline.tuning.ending import Ending
from training_pipeline.tuning.optimizer import Observation
from training_pipeline.tuning.outcome import in_words


class Starting:
    """Starts the trials of studies, as many at once as each may have."""

    def __init__(self, store: JobStore, jobs: JobService, source: TrainingSheetSource, ending: Ending) -> None:
        self._store, self._jobs, self._source, self._ending = store, jobs, source, ending

    def start(self, name: str) -> None:
        """Start trials while there is room and budget: first those that have a configuration and no job yet."""
        while (study := records.get(self._store, name)).status is StudyStatus.RUNNING:
            trials = records.trials_of(self._store, name)
            waiting = next((trial for trial in trials if trial.status is TrialStatus.ASKED), None)
            if waiting is not None:
                if not self._launch(study, waiting, trials):
                    return
                continue
            running = sum(trial.status is TrialStatus.RUNNING for trial in trials)
            if running >= study.request.most_at_once or self._ending.done(study, trials) is not None:
                return
            if not self._may_train(study):
                return
            curves = records.curves(self._store, trials)
            told = [Observation(trial, curves.get(trial.number, ())) for trial in trials]
            number = len(trials) + 1
            params = optimizer.ask(study.request, told, number)
            if params is None:
                self._ending.end(study, StudyStatus.FINISHED, "every configuration of the space was tried")
            elif not records.add_trial(self._store, name, number, params):
                return

    def _may_train(self, study: Study) -> bool:
        """Whether the sheet still may be trained on; ends the study where it may not. What nobody can say waits."""
        sheet_id = study.request.job.training_sheet_id
        try:
            status = self._source.get(sheet_id).status
        except PipelineError as error:
            self._ending.waits_or_ends(study, error)
            return False
        if status in TRAINABLE_SHEETS:
            return True
        why = f"the training sheet {sheet_id} is {status} and may not be trained on"
        self._ending.end(study, StudyStatus.FAILED, why)
        return False

    def _launch(self, study: Study, trial: Trial, trials: list[Trial]) -> bool:
        """Create the job of a trial, in one transaction with the trial; whether to go on.

        One whose own configuration the budget does not allow is not started: another one may cost less.
        """

        def also(connection: Connection, job: TrainingJob) -> None:
            given = self._store.within(connection).created_with(job.id).get(ESTIMATE)
            estimate = None if given is None else Estimate.model_validate(given)
            # Amounts in two currencies are never added up.
            fits = estimate is not None and study.estimate.currency in (None, estimate.currency)
            cost = estimate.cost.middle if estimate is not None and fits else None
            _require_budget(study, trials, cost)
            values = {
                "job_id": job.id,
                "estimated_seconds": None if estimate is None else estimate.time.middle,
                "estimated_cost": cost,
            }
            if not records.claim(connection, trial, values):
                raise _Overtaken
            record_event(connection, job.id, EventType.INFO, f"Trial {trial.number} of the study {study.name}.", SYSTEM)

        try:
            self._jobs.create(
                trial_request(study, trial.params, trial.number),
                created_by=study.created_by,
                also=also,
                pinned=study.pinned(trial.params),
            )
        except _Overtaken:
            return False
        except _TooDear as error:
            values = {"status": TrialStatus.CANCELLED, "cause": TOO_DEAR, "message": str(error)}
            records.change_trial(self._store, trial, values, where={"status": TrialStatus.ASKED})
            self._ending.end_where_due(study)
            return True
        except PipelineError as error:
            if not error.recurs:
                self._ending.waits_or_ends(study, error)
                return False
            values = {"status": TrialStatus.FAILED, "cause": error.code, "message": in_words(error)}
            records.change_trial(self._store, trial, values, where={"status": TrialStatus.ASKED})
            self._ending.end_where_due(study)
            return True
        if study.message:
            records.change(self._store, study.name, {"message": ""}, status=StudyStatus.RUNNING)
        return True


class _Overtaken(Exception):
    """The trial has a job already, or the study has ended."""


class _TooDear(Exception):
    """The budget does not allow the configuration."""


def _require_budget(study: Study, trials: list[Trial], cost: float | None) -> None:
    """Raise `_TooDear` where a trial of this estimated cost would exceed the budget; null: as one more would."""
    budget, before = study.request.cost, spent(study, trials)
    added = one_more(study, trials) if cost is None else cost
    if budget is not None and before + added > budget:
        currency = study.estimate.currency or ""
        said = f"It would cost {added:.2f} {currency}".rstrip()
        raise _TooDear(f"{said} by estimate, and {budget - before:.2f} are left of the budget of {budget:g}.")
