"""The operations on training jobs: all code that creates, cancels or retries a job uses this service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.datasets.known_versions import KnownVersions
from training_pipeline.datasets.sheet_findings import SheetFindings
from training_pipeline.datasets.sheet_summaries import SheetSummaries
from training_pipeline.domain.advice.item import AdviceRecord
from training_pipeline.domain.errors import Conflict
from training_pipeline.domain.estimate.estimate import Estimate
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.job import TERMINAL, JobStatus, TrainingJob
from training_pipeline.domain.lineage import BaseModelRecord
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.training_config import JobRequest
from training_pipeline.infra.database import Database
from training_pipeline.training_jobs.lifecycle.annotate import annotate
from training_pipeline.training_jobs.lifecycle.dry_run import DryRun
from training_pipeline.training_jobs.lifecycle.estimating import Estimator
from training_pipeline.training_jobs.lifecycle.job_request import retried, validated
from training_pipeline.training_jobs.lifecycle.new_jobs import Also, NewJobs, WithdrawnRows
from training_pipeline.training_jobs.lifecycle.registration import Registration
from training_pipeline.training_jobs.lifecycle.submit import registered_name
from training_pipeline.training_jobs.polling.poll_once import poll_once
from training_pipeline.training_jobs.polling.poller import Poller
from training_pipeline.training_jobs.store.events import EventType
from training_pipeline.training_jobs.store.jobs import JobStore


class JobService:
    """Creates, reads, cancels, retries and polls training jobs."""

    def __init__(
        self,
        store: JobStore,
        versions: KnownVersions,
        backend: FineTuningBackend,
        poller: Poller,
        policy: GatePolicy,
        *,
        database: Database,
        min_pairs: int,
        withdrawn: WithdrawnRows,
        registration: Registration,
        findings: SheetFindings,
        summaries: SheetSummaries,
        estimator: Estimator | None = None,
        keys: HashKeys = NO_KEYS,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        runs: Path | None = None,
    ) -> None:
        self._store = store
        self._poller = poller
        self._database = database
        self._registration = registration
        self._clock = clock
        self._new = NewJobs(
            store,
            versions,
            backend,
            policy,
            min_pairs=min_pairs,
            withdrawn=withdrawn,
            keys=keys,
            findings=findings,
            summaries=summaries,
            estimator=estimator or Estimator(store),
            clock=clock,
            runs=runs,
        )

    def create(
        self,
        request: JobRequest | Mapping[str, Any],
        *,
        created_by: str,
        also: Also | None = None,
        pinned: BaseModelRecord | None = None,
    ) -> TrainingJob:
        """Validate everything at once, resolve every "auto", store the job as `pending` with its event.

        What `also` writes is stored together with the job, which is trained on the base model as it was `pinned` or
        not at all. Raises `InvalidRequest` with every problem, `NotFound` for
        an unknown training sheet and `SheetUnreadable`.
        """
        return self._new.create(validated(request), created_by=created_by, also=also, pinned=pinned)

    def plan(self, request: JobRequest | Mapping[str, Any]) -> DryRun:
        """The dry run of `create` and the launch after it; stores nothing.

        Raises what they would: also `GateRefused` and `SplitRefused`.
        """
        return self._new.plan(validated(request))

    def estimate(self, request: JobRequest | Mapping[str, Any], *, train_pairs: int, validation_pairs: int) -> Estimate:
        """How long a job with so many pairs trains, and what it costs, without a look at its sheet.

        Raises `InvalidRequest` for what cannot be run.
        """
        return self._new.estimate(validated(request), train_pairs=train_pairs, validation_pairs=validation_pairs)

    def advice(self, request: JobRequest, like: DryRun) -> AdviceRecord:
        """The advice on a job on the pairs of one that was planned, without a look at its sheet.

        Raises `InvalidRequest` for what cannot be run.
        """
        return self._new.advice(request, like)

    def get(self, job_id: str) -> TrainingJob:
        """One job; raises `NotFound`."""
        return self._store.get(job_id)

    def list(self, **filters: Any) -> tuple[list[TrainingJob], int]:
        """A page of jobs, newest first, and the total; the filters of `JobStore.list`."""
        return self._store.list(**filters)

    def cancel(self, job_id: str, *, actor: str, reason: str) -> TrainingJob:
        """Cancel a job that was not submitted yet; ask the backend to stop one that was.

        A version that a trained job had registered is stored, and what was revoked taints it.

        Idempotent. Raises `Conflict` for a job that is over otherwise, and `Unavailable` where the registry does not
        say whether a trained job has a version.
        """
        job = self._store.get(job_id)
        if job.status is JobStatus.CANCELLED:
            return job
        if job.is_trained and job.finalize.claimed_at is None:
            done = self._cancel_trained(job, actor=actor, reason=reason)
            return done or self.cancel(job_id, actor=actor, reason=reason)
        if job.status in TERMINAL:
            raise Conflict(f"Training job {job_id} has ended ({job.status}) and cannot be cancelled.")
        asked = {
            "cancel_requested_at": self._clock(),
            "cancel_requested_by": actor,
            "cancel_reason": reason,
        }
        if job.status is JobStatus.PENDING:
            # The launch run sets `submit_intended_at` under the same condition, so only one of the two happens.
            done = self._store.change(
                job,
                JobStatus.CANCELLED,
                message=f"Cancelled before it was submitted: {reason}",
                actor=actor,
                values=asked,
                where={"submit_intended_at": None},
            )
            if done is not None:
                return done
        if job.cancellation.requested_at is None:
            seen = {"status": job.status, "cancel_requested_at": None}
            event = (EventType.INFO, f"Cancel requested: {reason}")
            if self._store.update(job_id, asked, where=seen, event=event, actor=actor) is None:
                return self.cancel(job_id, actor=actor, reason=reason)  # it has gone on, or somebody else has asked
        job = self._poller.poll(job_id)
        return self.cancel(job_id, actor=actor, reason=reason) if job.status in TERMINAL else job

    def _cancel_trained(self, job: TrainingJob, *, actor: str, reason: str) -> TrainingJob | None:
        """Cancel a job of which nothing is left to stop; None where it has gone on meanwhile.

        A finalize run claims the job under the same condition, so only one of the two happens.
        """
        now, version = self._clock(), self._registration.found(job)
        kept = f"Cancelled before its model was registered: {reason}. The model stays where it was trained."
        if version is not None:
            kept = f"Cancelled: {reason}. Its model had been registered as {registered_name(job)} version {version}."
        asked = {"cancel_requested_at": now, "cancel_requested_by": actor, "cancel_reason": reason}
        over = {**asked, "finalized_at": now, "error_message": None, "error_details": None}
        held = {"finalize_claimed_at": None, "finalize_attempt": job.finalize.attempt}
        with self._store.begin() as connection:
            within = self._store.within(connection)
            done = within.change(job, JobStatus.CANCELLED, message=kept, actor=actor, values=over, where=held)
            if done is None or version is None:
                return done
            return self._registration.record(connection, done, version)

    def annotate(
        self,
        job_id: str,
        *,
        actor: str,
        note: str | None = None,
        tags: Sequence[str] | None = None,
        add_tags: Sequence[str] | None = None,
        remove_tags: Sequence[str] | None = None,
    ) -> TrainingJob:
        """Replace a job's note or tags, or some of these, with an event that has both as they were and are.

        In any status. What is null stays. Idempotent. Raises `InvalidRequest` and `NotFound`.
        """
        change = {"tags": tags, "add_tags": add_tags, "remove_tags": remove_tags}
        return annotate(self._store, job_id, actor=actor, note=note, **change)

    def finish(self, job_id: str, *, actor: str) -> TrainingJob:
        """Have a trained job finished now instead of after its pause: metrics, registration, lineage. Idempotent.

        Raises `Conflict` for a job that is not trained yet, or has ended without success.
        """
        job = self._store.get(job_id)
        if job.status is JobStatus.SUCCEEDED:
            return job
        if not job.is_trained:
            ended = job.status in TERMINAL
            raise Conflict(
                f"Training job {job_id} " + (f"has ended ({job.status})" if ended else "is not trained yet") + " and "
                "cannot be finished.",
                hint="Retry it to train again." if ended else "It is finished automatically once it is trained.",
            )
        waiting = {"finalize_claimed_at": None, "finalize_attempt": job.finalize.attempt, "status": job.status}
        event = (EventType.INFO, "Asked to finish now.")
        asked = self._store.update(job_id, {"finalize_after": None}, where=waiting, event=event, actor=actor)
        return asked or self._store.get(job_id)  # it is being finished just now

    def retry(
        self, job_id: str, *, actor: str, changes: Mapping[str, Any] | None = None, also: Also | None = None
    ) -> TrainingJob:
        """A new job like one that failed, was cancelled or timed out, with `changes` to its training_config.

        Raises `Conflict` for a job in any other status and `InvalidRequest` for changes that cannot be.
        """
        job = self._store.get(job_id)
        return self._new.create(retried(job, changes), created_by=actor, retry_of=job, also=also)

    def plan_retry(self, job_id: str, *, changes: Mapping[str, Any] | None = None) -> DryRun:
        """The dry run of `retry` and the launch after it; stores nothing. Raises what they would."""
        job = self._store.get(job_id)
        return self._new.plan(retried(job, changes), retry_of=job)

    def poll(self, job_id: str) -> TrainingJob:
        """Ask the backend now, once for all who ask at this moment; see `poll_once`."""
        return poll_once(self._store, self._database, self._poller, job_id)
