"""What a study needs next: take up ended trials, stop hopeless ones, start new ones, end.

Where a suite chooses, a trial runs until its model is evaluated. At the end the best one is evaluated on pairs that did
not choose it.

Write before you call: a configuration is on record before its job is created, and a trial's job is stored in one
transaction with the trial; that a trial is to stop is on record before its job is cancelled. Every step looks at what
is on record, so that whoever advances a study after a death, at whatever line, goes on where that one was.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from training_pipeline.domain.errors import (
    Conflict,
    GateRefused,
    GovernanceChanged,
    NotFound,
    PermissionWithdrawn,
    PipelineError,
    SheetUnreadable,
    SplitRefused,
)
from training_pipeline.domain.estimate.estimate import Estimate
from training_pipeline.domain.job import TERMINAL, JobStatus, TrainingJob
from training_pipeline.domain.study import (
    LIVE_TRIALS,
    Study,
    StudyStatus,
    Trial,
    TrialStatus,
    best_of,
    common_failure,
    one_more,
    spent,
    trial_request,
)
from training_pipeline.domain.training_sheet import TRAINABLE_SHEETS
from training_pipeline.infra import advisory_lock
from training_pipeline.infra.database import Database
from training_pipeline.models.evaluation.records import ACTIVE
from training_pipeline.sheets.base import TrainingSheetSource
from training_pipeline.training_jobs.lifecycle.service import JobService
from training_pipeline.training_jobs.store.estimates import ESTIMATE
from training_pipeline.training_jobs.store.events import SYSTEM, EventType, record_event
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.tuning import optimizer, records
from training_pipeline.tuning.objective import sign_of
from training_pipeline.tuning.optimizer import Told
from training_pipeline.tuning.outcome import in_words, ordinal, outcome_of
from training_pipeline.tuning.scoring import Scoring

#: What ends a study at once, for its next trial would be told the same, or be trained on other pairs.
OF_THE_SHEET: Final = frozenset(
    error.code
    for error in (GateRefused, GovernanceChanged, NotFound, PermissionWithdrawn, SheetUnreadable, SplitRefused)
)
#: The cause of a trial whose pairs are not those of the others.
OTHER_PAIRS: Final = "dataset_changed"
_log = logging.getLogger(__name__)


class Advance:
    """Carries studies on. May be called by several at once; one study is carried on by one of them."""

    def __init__(
        self,
        store: JobStore,
        database: Database,
        jobs: JobService,
        source: TrainingSheetSource,
        scoring: Scoring,
        *,
        clock: Callable[[], datetime] = records.now,
    ) -> None:
        self._store, self._database, self._jobs, self._source = store, database, jobs, source
        self._scoring, self._clock = scoring, clock

    def all(self) -> int:
        """Carry on every study that has not ended; how many there are. One that cannot be stops no other."""
        names = records.live(self._store)
        for name in names:
            try:
                self.advance(name)
            except PipelineError as error:
                _log.warning("the study %s waits: %s", name, error.code)
        return len(names)

    def advance(self, name: str) -> Study:
        """Do what the study needs now, unless another process does just now; the study afterwards. Idempotent."""
        try:
            with advisory_lock.hold(self._database, f"study:{name}"):
                self._advance(records.get(self._store, name))
        except Conflict:
            _log.info("another process advances the study %s", name)
        return records.get(self._store, name)

    def _advance(self, study: Study) -> None:
        trained: set[int] = set()
        for trial in records.trials_of(self._store, study.name):
            if trial.status is TrialStatus.RUNNING and trial.job_id is not None:
                job = self._store.get(trial.job_id)
                self._settle(study, trial, job)
                trained |= {trial.number} if job.status in TERMINAL else set()
        if study.status is StudyStatus.RUNNING:
            self._judge(study, besides=trained)
            self._end_where_due(study)
        self._start(study.name)
        self._wind_up(study.name)

    def _settle(self, study: Study, trial: Trial, job: TrainingJob) -> None:
        """Take up what became of a trial's job; the end of one that was told to stop is no failure."""
        digest = job.data.dataset_digest
        strange = digest is not None and records.use_dataset(self._store, study.name, digest) != digest
        if job.status in TERMINAL:
            values = self._outcome(study, trial, job, strange=strange)
            running = {"status": TrialStatus.RUNNING, "pruned_at": trial.pruned_at}
            if values is not None:
                records.change_trial(self._store, trial, values, where=running)
        elif strange:
            self._cancel(trial, "the sheet has changed: its pairs are not those of the study")
        if strange:
            why = f"trial {trial.number} has other pairs than those before it: the training sheet has changed"
            self._end(study, StudyStatus.FAILED, why)
        elif trial.pruned_at is not None and job.status not in TERMINAL:
            self._cancel(trial, trial.message)  # told to stop, by one who died before asking the job to

    def _outcome(self, study: Study, trial: Trial, job: TrainingJob, *, strange: bool) -> dict[str, Any] | None:
        """What came of a trial whose job is over; None while it is being evaluated, or cannot be just now."""
        if strange and job.status is JobStatus.SUCCEEDED:
            said = "It was trained on other pairs than the trials before it: the sheet has changed."
            return {"status": TrialStatus.FAILED, "cause": OTHER_PAIRS, "message": said}
        if study.request.objective == "val_loss" or job.status is not JobStatus.SUCCEEDED:
            return outcome_of(trial, job)
        try:
            values = self._scoring.outcome(study, trial)
        except PipelineError as error:
            if error.recurs:
                return {"status": TrialStatus.FAILED, "cause": error.code, "message": in_words(error)}
            self._waits_or_ends(study, error)
            return None
        if study.message:
            records.change(self._store, study.name, {"message": ""}, status=StudyStatus.RUNNING)
        return values

    def _judge(self, study: Study, *, besides: Collection[int]) -> None:
        """Tell trials that have no hope to stop: each of their evaluations is judged once, in order."""
        trials = records.trials_of(self._store, study.name)
        curves = records.curves(self._store, trials)
        told = [Told(trial, curves.get(trial.number, ())) for trial in trials]
        judged = [one for one in told if _is_judged(one) and one.trial.number not in besides]
        for one, at in zip(judged, optimizer.stop_after(study.request, told, judged), strict=True):
            trial = one.trial
            values: dict[str, Any] = {"judged": at or len(one.curve)}
            if at is not None:
                place, among = optimizer.rank(told, one, at)
                values |= {"pruned_at": at, "message": f"pruned at evaluation {at}: {ordinal(place)} of {among}"}
            same = {"status": TrialStatus.RUNNING, "judged": trial.judged, "pruned_at": None}
            if records.change_trial(self._store, trial, values, where=same) and at is not None:
                self._cancel(trial, values["message"])

    def _end_where_due(self, study: Study) -> None:
        """End a study whose time is over, whose trials fail, or whose sheet may not be trained on any more."""
        trials = records.trials_of(self._store, study.name)
        failed = [trial for trial in trials if trial.status is TrialStatus.FAILED]
        lost = next((trial for trial in failed if trial.cause in OF_THE_SHEET), None)
        again = common_failure(trials)
        hours = study.request.hours
        if lost is not None:
            self._end(study, StudyStatus.FAILED, f"trial {lost.number} was refused ({lost.cause}): {lost.message}")
        elif again is not None:
            self._end(study, StudyStatus.FAILED, f"three trials failed of one cause ({again.cause}): {again.message}")
        elif hours is not None and self._clock() >= study.created_at + timedelta(hours=hours):
            self._end(study, StudyStatus.FINISHED, f"its {hours:g} hours are over", cancels=True)
        elif not any(trial.status in LIVE_TRIALS for trial in trials) and (why := self._done(study, trials)):
            self._end(study, StudyStatus.FINISHED, why)

    def _done(self, study: Study, trials: list[Trial]) -> str | None:
        """Why no further trial is started; None where one may be."""
        request = study.request
        if len(trials) >= request.most_trials:
            return f"all {request.most_trials} trials were made"
        if request.cost is not None and spent(study, trials) + one_more(study, trials) > request.cost:
            of = f"{spent(study, trials):.2f} of {request.cost:g} {study.estimate.currency or ''}".strip()
            return f"its budget is used up: {of}, by estimate, and one trial more would exceed it"
        return None

    def _start(self, name: str) -> None:
        """Start trials while there is room and budget: first those that have a configuration and no job yet."""
        while (study := records.get(self._store, name)).status is StudyStatus.RUNNING:
            trials = records.trials_of(self._store, name)
            waiting = next((trial for trial in trials if trial.status is TrialStatus.ASKED), None)
            if waiting is not None:
                if not self._launch(study, waiting):
                    return
                continue
            running = sum(trial.status is TrialStatus.RUNNING for trial in trials)
            if running >= study.request.most_at_once or self._done(study, trials) is not None:
                return
            if not self._may_train(study):
                return
            curves = records.curves(self._store, trials)
            told = [Told(trial, curves.get(trial.number, ())) for trial in trials]
            number = len(trials) + 1
            params = optimizer.ask(study.request, told, number)
            if params is None:
                self._end(study, StudyStatus.FINISHED, "every configuration of the space was tried")
            elif not records.add_trial(self._store, name, number, params):
                return

    def _may_train(self, study: Study) -> bool:
        """Whether the sheet still may be trained on; ends the study where it may not. What nobody can say waits."""
        sheet_id = study.request.job.training_sheet_id
        try:
            status = self._source.get(sheet_id).status
        except PipelineError as error:
            self._waits_or_ends(study, error)
            return False
        if status in TRAINABLE_SHEETS:
            return True
        self._end(study, StudyStatus.FAILED, f"the training sheet {sheet_id} is {status} and may not be trained on")
        return False

    def _launch(self, study: Study, trial: Trial) -> bool:
        """Create the job of a trial, in one transaction with the trial; whether to go on."""

        def also(connection: Connection, job: TrainingJob) -> None:
            given = self._store.within(connection).created_with(job.id).get(ESTIMATE)
            estimate = None if given is None else Estimate.model_validate(given)
            # Amounts in two currencies are never added up.
            fits = estimate is not None and study.estimate.currency in (None, estimate.currency)
            values = {
                "job_id": job.id,
                "estimated_seconds": None if estimate is None else estimate.time.middle,
                "estimated_cost": estimate.cost.middle if estimate is not None and fits else None,
            }
            if not records.claim(connection, trial, values):
                raise _Overtaken
            record_event(connection, job.id, EventType.INFO, f"Trial {trial.number} of the study {study.name}.", SYSTEM)

        try:
            self._jobs.create(trial_request(study, trial.params, trial.number), created_by=study.created_by, also=also)
        except _Overtaken:
            return False
        except PipelineError as error:
            if not error.recurs:
                self._waits_or_ends(study, error)
                return False
            values = {"status": TrialStatus.FAILED, "cause": error.code, "message": in_words(error)}
            records.change_trial(self._store, trial, values, where={"status": TrialStatus.ASKED})
            self._end_where_due(study)
            return True
        if study.message:
            records.change(self._store, study.name, {"message": ""}, status=StudyStatus.RUNNING)
        return True

    def _waits_or_ends(self, study: Study, error: PipelineError) -> None:
        if error.code in OF_THE_SHEET:
            self._end(study, StudyStatus.FAILED, f"its training sheet is refused ({error.code}): {in_words(error)}")
        elif study.message != error.message:
            records.change(self._store, study.name, {"message": error.message}, status=StudyStatus.RUNNING)

    def _wind_up(self, name: str) -> None:
        """Bring a study that ends to its end, once none of its trials runs."""
        study = records.get(self._store, name)
        if study.status is not StudyStatus.ENDING:
            return
        for trial in records.trials_of(self._store, name):
            if trial.status is TrialStatus.ASKED:
                said = {"status": TrialStatus.CANCELLED, "message": "The study ended before it was started."}
                records.change_trial(self._store, trial, said, where={"status": TrialStatus.ASKED})
            elif trial.status is TrialStatus.RUNNING and study.cancels:
                self._cancel(trial, f"the study {name} ends: {study.why}")
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
        values = {"status": outcome, "outcome": outcome, "why": why, "message": "", "ended_at": self._clock()}
        records.change(self._store, name, values, status=StudyStatus.ENDING)

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
        if study.message != waits:
            records.change(self._store, study.name, {"message": waits}, status=StudyStatus.ENDING)
        return False

    def _end(self, study: Study, outcome: StudyStatus, why: str, *, cancels: bool = False) -> None:
        """Start no more trials. Trials that run go on as any job does, unless they are cancelled."""
        values = {"status": StudyStatus.ENDING, "outcome": outcome, "why": why, "message": "", "cancels": cancels}
        records.change(self._store, study.name, values, status=StudyStatus.RUNNING)

    def _cancel(self, trial: Trial, reason: str) -> None:
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


def _is_judged(one: Told) -> bool:
    """Whether a trial runs and has evaluations that nobody has judged. Pure."""
    trial = one.trial
    return trial.status is TrialStatus.RUNNING and trial.pruned_at is None and len(one.curve) > trial.judged


class _Overtaken(Exception):
    """The trial has a job already, or the study has ended."""
