"""Handles launch and finalize runs that failed or ended early: retry, or fail the job.

A reason that would recur (a gate, a bad configuration) fails the job at once. An interruption only gives the claim
back, so that the next attempt follows; after the last attempt the job fails. An attempt counts once its run has
started, unless the database was restarted under it. A job that its backend has accepted never fails because the run
that launched it died: it is taken up where it is. A trained job fails only where its model may not be registered or its
records disagree. Whatever else keeps it from being finished, it is tried again, less and less often.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.domain.duration_in_words import duration
from training_pipeline.domain.error_in_words import describe
from training_pipeline.domain.errors import GateRefused, PermissionWithdrawn, PipelineError, RecordsDisagree
from training_pipeline.domain.job import ACTIVE, JobStatus, Phase, TrainingJob
from training_pipeline.training_jobs import backoff
from training_pipeline.training_jobs.lifecycle.claims import release
from training_pipeline.training_jobs.lifecycle.submit import accepted
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.rows import PHASES

#: The code of a trained job that waits for its next finalize run after it used up its attempts.
UNFINISHED: Final = "unfinished"
#: What ends even a job that is trained, beside records that disagree: its model may not be registered.
ENDS_TRAINED: Final = (PermissionWithdrawn, GateRefused)
#: The actor of what somebody did in Dagster, which does not know who.
DAGSTER: Final = "dagster"


class Failures:
    """Decides between a retry and failure; each phase gets up to `max_attempts` runs.

    For a backend that does not answer or refuses our credentials a job waits for `deadline_seconds` instead.
    """

    def __init__(
        self, store: JobStore, backend: FineTuningBackend, *, max_attempts: int, deadline_seconds: float = 86400.0
    ) -> None:
        self._deadline_seconds = deadline_seconds
        self._retries = replace(backoff.RUNS, deadline=deadline_seconds)
        self._store = store
        self._backend = backend
        self._max_attempts = max_attempts

    def raised(self, phase: Phase, job_id: str, attempt: int, error: Exception) -> None:
        """A step of a run raised `error`."""
        details = error.details if isinstance(error, PermissionWithdrawn) else {}
        if backoff.is_outage(error) and not self._retries.gives_up(attempt):
            release(self._store, phase, job_id, attempt, why=describe(error))
        elif isinstance(error, PipelineError) and error.is_outage:
            time, why = duration(self._deadline_seconds), describe(error)
            waited = f"Gave up after waiting for {time}; if the run was submitted, it continues. {why}"
            self._give_up(phase, job_id, attempt, waited, code=error.code, why=why)
        elif phase is Phase.FINALIZE and isinstance(error, PipelineError) and self._may_be_mended(job_id, error):
            self._give_up(phase, job_id, attempt, str(error), code=error.code, why=describe(error))
        elif isinstance(error, PipelineError) and error.recurs:
            self._fail(phase, job_id, attempt, str(error), code=error.code, details=details)
        elif isinstance(error, PipelineError) and not error.is_counted:
            self._not_counted(phase, job_id, attempt, why=error.message, code=error.code)
        elif isinstance(error, RecordsDisagree) and self._counted(phase, job_id, attempt) >= self._max_attempts:
            self._fail(phase, job_id, attempt, str(error), code=error.code)
        elif isinstance(error, PipelineError):
            self.interrupted(phase, job_id, attempt, why=error.message)
        else:
            self.interrupted(phase, job_id, attempt, why=f"{type(error).__name__} in the run; see its log")

    def _may_be_mended(self, job_id: str, error: PipelineError) -> bool:
        """Whether a person can mend what keeps a trained job from being finished, though a retry would not help."""
        return error.recurs and not isinstance(error, ENDS_TRAINED) and self._store.get(job_id).is_trained

    def interrupted(self, phase: Phase, job_id: str, attempt: int, *, why: str) -> None:
        """A run that had started ended without finishing its phase, for a reason that need not recur."""
        claimed_at = self._store.get(job_id).phase(phase).claimed_at
        if claimed_at is not None and self._store.server_started_at() > claimed_at:
            restarted = f"{why.rstrip('.')}; the database was restarted meanwhile"
            self._not_counted(phase, job_id, attempt, why=restarted, code="interrupted")
            return
        counted = self._counted(phase, job_id, attempt)
        if counted < self._max_attempts:
            release(self._store, phase, job_id, attempt, why=why)
            return
        message = f"It could not be launched: {counted} attempts to {phase} ended early, the last one because: {why}."
        self._give_up(phase, job_id, attempt, message, code="interrupted", why=why)

    def never_started(self, phase: Phase, job_id: str, attempt: int, *, why: str) -> None:
        """Dagster did not get to start the run, which costs the job no attempt."""
        self._not_counted(phase, job_id, attempt, why=why, code="never_started")

    def terminated(self, phase: Phase, job_id: str, attempt: int) -> None:
        """The run was terminated in the Dagster UI.

        A job that was not submitted yet is cancelled by that. One whose backend may have it is not: its training goes
        on, and the next attempt takes it up; `cancel` is the verb that ends it.
        """
        job = self._store.get(job_id)
        if phase is Phase.LAUNCH and job.status is JobStatus.PENDING and job.handles.submit_intended_at is None:
            reason = "its launch run was terminated in Dagster"
            values = {"cancel_requested_at": datetime.now(UTC), "cancel_requested_by": DAGSTER, "cancel_reason": reason}
            held = {"launch_attempt": attempt, "submit_intended_at": None}
            message = f"Cancelled before it was submitted: {reason}."
            self._store.change(job, JobStatus.CANCELLED, message=message, actor=DAGSTER, values=values, where=held)
            return
        self.interrupted(phase, job_id, attempt, why="its run was terminated in Dagster")

    def _counted(self, phase: Phase, job_id: str, attempt: int) -> int:
        """How many attempts a job has used up, this one included."""
        return attempt - self._store.get(job_id).phase(phase).uncounted

    def _not_counted(self, phase: Phase, job_id: str, attempt: int, *, why: str, code: str) -> None:
        """The next attempt follows however many there were, for as long as a job waits for a backend."""
        times = self._store.get(job_id).phase(phase).uncounted + 1
        if not self._retries.gives_up(times):
            release(self._store, phase, job_id, attempt, why=why.rstrip("."), counted=False)
            return
        message = f"Gave up after {times} attempts in {duration(self._deadline_seconds)}: {why}"
        self._give_up(phase, job_id, attempt, message, code=code, why=why)

    def _give_up(self, phase: Phase, job_id: str, attempt: int, message: str, *, code: str, why: str) -> None:
        """Fail the job; one that is trained is not given up, but finished as soon as it can be."""
        job = self._store.get(job_id)
        if phase is Phase.LAUNCH or not job.is_trained:
            self._fail(phase, job_id, attempt, message, code=code)
            return
        waits = f"Its model is trained and kept, but the job could not be finished yet: {why.rstrip('.')}."
        cause = {"error_message": waits, "error_details": {"code": UNFINISHED, "phase": phase, "attempts": attempt}}
        release(self._store, phase, job_id, attempt, why=why.rstrip("."), pauses=backoff.FINISHES, cause=cause)

    def _fail(
        self,
        phase: Phase,
        job_id: str,
        attempt: int,
        message: str,
        *,
        code: str,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        job = self._store.get(job_id)
        claim, names = job.phase(phase), PHASES[phase]
        if claim.attempt != attempt or claim.claimed_at is None:
            return
        if phase is Phase.LAUNCH and job.status in ACTIVE and self._adopted(job):
            return
        values: dict[str, Any] = {
            "error_message": message,
            "error_details": {"code": code, "phase": phase, **(details or {})},
        }
        if phase is Phase.FINALIZE:
            values["finalized_at"] = datetime.now(UTC)
        held = {names.attempt: attempt, names.claimed_at: claim.claimed_at}
        if job.status in ACTIVE:
            self._store.change(job, JobStatus.FAILED, message=message, values=values, where=held)
        elif phase is Phase.FINALIZE:  # it had failed before; only its finalize run is left, and given up
            self._store.update(job.id, {"finalized_at": values["finalized_at"]}, where={**held, "finalized_at": None})

    def _adopted(self, job: TrainingJob) -> bool:
        """Take up the run of a job that its backend has accepted; whether there is one."""
        try:
            handle = self._backend.find(job.id, job.attempt) if job.handles.submit_intended_at else None
        except PipelineError as error:
            if not error.is_outage:
                raise
            return False  # nobody can say; we have waited long enough
        if handle is None:
            return False
        accepted(self._store, job, handle)
        self._store.update(job.id, {"launched_at": datetime.now(UTC)}, where={"launched_at": None})
        return True
