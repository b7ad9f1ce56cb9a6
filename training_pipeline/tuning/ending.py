"""How a study ends: when it has to, why, and what is brought to its end before it has ended.

Where a suite chooses, the best trial is evaluated on pairs that did not choose it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from training_pipeline.domain.errors import (
    GateRefused,
    GovernanceChanged,
    NotFound,
    PermissionWithdrawn,
    PipelineError,
    SheetUnreadable,
    SplitRefused,
)
from training_pipeline.domain.study import (
    LIVE_TRIALS,
    SAME_FAILURES,
    TOO_DEAR,
    Study,
    StudyStatus,
    Trial,
    TrialStatus,
    best_of,
    common_failure,
    one_more,
    spent,
)
from training_pipeline.models.evaluation.records import ACTIVE
from training_pipeline.training_jobs.lifecycle.service import JobService
from training_pipeline.training_jobs.store.events import SYSTEM
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.tuning import records
from training_pipeline.tuning.objective import sign_of
from training_pipeline.tuning.outcome import in_words
from training_pipeline.tuning.promoting import Promoting
from training_pipeline.tuning.scoring import OTHER_QUESTIONS, Scoring

#: What ends a study at once, for its next trial would be told the same, or be trained on other pairs.
OF_THE_SHEET: Final = frozenset(
    error.code
    for error in (GateRefused, GovernanceChanged, NotFound, PermissionWithdrawn, SheetUnreadable, SplitRefused)
)
_log = logging.getLogger(__name__)


class Ending:
    """Ends studies, and has their trials stopped. Every step looks at what is on record, and may be repeated."""

    def __init__(self, store: JobStore, jobs: JobService, scoring: Scoring, *, clock: Callable[[], datetime]) -> None:
        self._store, self._jobs, self._scoring, self._clock = store, jobs, scoring, clock
        self._promoting = Promoting(store, jobs, scoring)

    def end_where_due(self, study: Study) -> None:
        """End a study whose time is over, whose trials fail, or whose sheet may not be trained on any more."""
        trials = records.trials_of(self._store, study.name)
        failed = [trial for trial in trials if trial.status is TrialStatus.FAILED]
        lost = next((trial for trial in failed if trial.cause in OF_THE_SHEET | {OTHER_QUESTIONS}), None)
        again = common_failure(trials)
        if lost is not None:
            self.end(study, StudyStatus.FAILED, f"trial {lost.number} was refused ({lost.cause}): {lost.message}")
        elif again is not None:
            self.end(study, StudyStatus.FAILED, f"three trials failed of one cause ({again.cause}): {again.message}")
        elif self._is_late(study):
            self.end(study, StudyStatus.FINISHED, f"its {study.request.hours:g} hours are over", cancels=True)
        elif not any(trial.status in LIVE_TRIALS for trial in trials) and (why := self.done(study, trials)):
            self.end(study, StudyStatus.FINISHED, why)

    def done(self, study: Study, trials: list[Trial]) -> str | None:
        """Why no further trial is started; None where one may be."""
        request = study.request
        if len(trials) >= request.most_trials:
            return f"all {request.most_trials} trials were made"
        if request.cost is not None and spent(study, trials) + one_more(study, trials) > request.cost:
            of = f"{spent(study, trials):.2f} of {request.cost:g} {study.estimate.currency or ''}".strip()
            return f"its budget is used up: {of}, by estimate, and one trial more would exceed it"
        if sum(trial.cause == TOO_DEAR for trial in trials) >= SAME_FAILURES:
            return f"its budget of {request.cost:g} did not allow {SAME_FAILURES} configurations, by estimate"
        return None

    def waits_or_ends(self, study: Study, error: PipelineError) -> None:
        """End a study whose sheet is refused; one that anything else keeps waiting says what it waits for."""
        if error.code in OF_THE_SHEET:
            self.end(study, StudyStatus.FAILED, f"its training sheet is refused ({error.code}): {in_words(error)}")
        elif study.message != error.message:
            records.change(self._store, study.name, {"message": error.message}, status=StudyStatus.RUNNING)

    def wind_up(self, name: str) -> None:
        """Bring a study that ends to its end, once none of its trials runs."""
        study = records.get(self._store, name)
        if study.status is not StudyStatus.ENDING:
            return
        if not study.cancels and self._is_late(study):  # its trials might have gone on: not longer than it may
            records.change(self._store, name, {"cancels": True}, status=StudyStatus.ENDING)
            study = records.get(self._store, name)
        for trial in records.trials_of(self._store, name):
            if trial.status is TrialStatus.ASKED:
                said = {"status": TrialStatus.CANCELLED, "message": "The study ended before it was started."}
                records.change_trial(self._store, trial, said, where={"status": TrialStatus.ASKED})
            elif trial.status is TrialStatus.RUNNING and study.cancels:
                self.cancel(trial, f"the study {name} ends: {study.why}")
                self._stop_scoring(study, trial)
        trials = records.trials_of(self._store, name)
        if any(trial.status in LIVE_TRIALS for trial in trials):
            return
        outcome, why = study.outcome or StudyStatus.FINISHED, study.why
        best = best_of(trials, sign=sign_of(study.request))
        if outcome is StudyStatus.FINISHED and best is None:
            outcome, why = StudyStatus.FAILED, f"{why}; no trial has succeeded"
        if outcome is not StudyStatus.FAILED and best is not None and not self._reported(study, best):
            return
        if outcome is StudyStatus.FINISHED and best is not None:
            try:
                self._promote(study, best)
            except PipelineError as error:
                if not error.recurs:
                    self._says(study, error.message)
                    return
                why = f"{why}; trial {best.number} was not promoted ({error.code}): {in_words(error)}"
        values = {"status": outcome, "outcome": outcome, "why": why, "message": "", "ended_at": self._clock()}
        records.change(self._store, name, values, status=StudyStatus.ENDING)

    def _is_late(self, study: Study) -> bool:
        """Whether the hours of a study are over."""
        hours = study.request.hours
        return hours is not None and self._clock() >= study.created_at + timedelta(hours=hours)

    def _reported(self, study: Study, best: Trial) -> bool:
        """Whether it has been said how good the best trial is, as far as that can be said; else sees to it."""
        suite = study.request.suite
        if suite is None:
            return True
        try:
            if self._scoring.report(study, best).status not in ACTIVE:
                return True
            waits = f"Trial {best.number}, the best one, is evaluated on the suite {suite}."
        except PipelineError as error:
            waits = error.message
        self._says(study, waits)
        return False

    def _promote(self, study: Study, best: Trial) -> None:
        """Have the winner trained once more and registered where that was asked for, once: also by hand."""
        if study.request.promote and best.promoted_job_id is None:
            self._promoting.promote(study, best, actor=study.created_by)

    def _says(self, study: Study, waits: str) -> None:
        """Put on record what a study that ends waits for."""
        if study.message != waits:
            records.change(self._store, study.name, {"message": waits}, status=StudyStatus.ENDING)

    def end(self, study: Study, outcome: StudyStatus, why: str, *, cancels: bool = False) -> None:
        """Start no more trials. Trials that run go on as any job does, unless they are cancelled."""
        values = {"status": StudyStatus.ENDING, "outcome": outcome, "why": why, "message": "", "cancels": cancels}
        records.change(self._store, study.name, values, status=StudyStatus.RUNNING)

    def cancel(self, trial: Trial, reason: str) -> None:
        """Ask the job of a trial to stop, once. One that has ended meanwhile is taken up at the next look."""
        if trial.job_id is None or self._store.get(trial.job_id).cancellation.requested_at is not None:
            return
        try:
            self._jobs.cancel(trial.job_id, actor=SYSTEM, reason=reason)
        except PipelineError as error:
            _log.info("the job of trial %s of %s was not cancelled: %s", trial.number, trial.study, error.code)

    def _stop_scoring(self, study: Study, trial: Trial) -> None:
        """Have the evaluation of a trial stopped, where it is being evaluated."""
        if study.request.objective == "val_loss":
            return
        try:
            self._scoring.cancel(study, trial)
        except PipelineError as error:
            _log.info("the evaluation of trial %s of %s was not cancelled: %s", trial.number, trial.study, error.code)
