"""What a study needs next: take up ended trials, stop hopeless ones, start new ones, end.

Where a suite chooses, a trial runs until its model is evaluated. How trials start is in `starting`, how studies end in
`ending`.

Write before you call: a configuration is on record before its job is created, and a trial's job is stored in one
transaction with the trial; that a trial is to stop is on record before its job is cancelled. Every step looks at what
is on record, so that whoever advances a study after a death, at whatever line, goes on where that one was.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, Final

from training_pipeline.domain.errors import Conflict, PipelineError
from training_pipeline.domain.job import TERMINAL, JobStatus, TrainingJob
from training_pipeline.domain.study import Study, StudyStatus, Trial, TrialStatus
from training_pipeline.infra import advisory_lock
from training_pipeline.infra.database import Database
from training_pipeline.sheets.base import TrainingSheetSource
from training_pipeline.training_jobs.lifecycle.service import JobService
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.tuning import optimizer, records
from training_pipeline.tuning.ending import Ending
from training_pipeline.tuning.optimizer import Observation
from training_pipeline.tuning.outcome import in_words, ordinal, outcome_of
from training_pipeline.tuning.scoring import Scoring
from training_pipeline.tuning.starting import Starting

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
        self._store, self._database, self._scoring = store, database, scoring
        self._ending = Ending(store, jobs, scoring, clock=clock)
        self._starting = Starting(store, jobs, source, self._ending)

    def all(self) -> int:
        """Carry on every study that has not ended; how many there are. One that cannot be stops no other."""
        names = records.live(self._store)
        for name in names:
            try:
                self.advance(name)
            except PipelineError as error:
                _log.warning("the study %s waits: %s", name, error.code)
            except Exception:  # noqa: BLE001 - a fault in one study keeps no other from going on
                _log.warning("the study %s cannot be carried on", name, exc_info=True)
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
            self._ending.end_where_due(study)
        self._starting.start(study.name)
        self._ending.wind_up(study.name)

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
            self._ending.cancel(trial, "the sheet has changed: its pairs are not those of the study")
        if strange:
            why = f"trial {trial.number} has other pairs than those before it: the training sheet has changed"
            self._ending.end(study, StudyStatus.FAILED, why)
        elif trial.pruned_at is not None and job.status not in TERMINAL:
            self._ending.cancel(trial, trial.message)  # told to stop, by one who died before asking the job to

    def _outcome(self, study: Study, trial: Trial, job: TrainingJob, *, strange: bool) -> dict[str, Any] | None:
        """What came of a trial whose job is over; None while it is being evaluated, or cannot be just now."""
        if strange and job.status is JobStatus.SUCCEEDED:
            said = "It was trained on other pairs than the trials before it: the sheet has changed."
            return {"status": TrialStatus.FAILED, "cause": OTHER_PAIRS, "message": said}
        if study.request.objective == "val_loss" or job.status is not JobStatus.SUCCEEDED:
            return outcome_of(trial, job)
        try:
            values = self._scoring.outcome(study, trial, records.trials_of(self._store, study.name))
        except PipelineError as error:
            if error.recurs:
                return {"status": TrialStatus.FAILED, "cause": error.code, "message": in_words(error)}
            self._ending.waits_or_ends(study, error)
            return None
        if study.message:
            records.change(self._store, study.name, {"message": ""}, status=StudyStatus.RUNNING)
        return values

    def _judge(self, study: Study, *, besides: Collection[int]) -> None:
        """Tell trials that have no hope to stop: each of their evaluations is judged once, in order."""
        trials = records.trials_of(self._store, study.name)
        curves = records.curves(self._store, trials)
        told = [Observation(trial, curves.get(trial.number, ())) for trial in trials]
        judged = [one for one in told if _is_judged(one) and one.trial.number not in besides]
        for one, at in zip(judged, optimizer.stop_after(study.request, told, judged), strict=True):
            trial = one.trial
            values: dict[str, Any] = {"judged": at or len(one.curve)}
            if at is not None:
                place, among = optimizer.rank(optimizer.peers(study.request, told, one), one, at)
                values |= {"pruned_at": at, "message": f"pruned at evaluation {at}: {ordinal(place)} of {among}"}
            same = {"status": TrialStatus.RUNNING, "judged": trial.judged, "pruned_at": None}
            if records.change_trial(self._store, trial, values, where=same) and at is not None:
                self._ending.cancel(trial, values["message"])


def _is_judged(one: Observation) -> bool:
    """Whether a trial runs and has evaluations that nobody has judged."""
    trial = one.trial
    return trial.status is TrialStatus.RUNNING and trial.pruned_at is None and len(one.curve) > trial.judged
