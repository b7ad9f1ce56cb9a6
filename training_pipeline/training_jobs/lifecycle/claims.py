"""Which Dagster run works on a job: claimed by compare-and-set on the number of the attempt.

Two phases of a job are worked on by runs: `launch` (from the sheet to the backend) and `finalize` (from the backend's
result to the registered model). A claim names its attempt; a run that finds another number than its own has been
superseded and stops. A claim that is given back may be claimed again, as the next attempt, after a pause.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Interval,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    func,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from training_pipeline.domain.errors import Conflict
from training_pipeline.domain.job import ACTIVE, TERMINAL, JobStatus, Phase, TrainingJob
from training_pipeline.infra.retry import RetryPolicy
from training_pipeline.training_jobs.backoff import RUNS
from training_pipeline.training_jobs.store.events import SYSTEM, EventType, record_event
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.rows import PHASES, job_from_row
from training_pipeline.training_jobs.store.tables import training_jobs

#: What the attempt of a phase is called in messages.
_ATTEMPT: Final = {Phase.LAUNCH: "Launch", Phase.FINALIZE: "Finalize"}


def lock_key(phase: Phase, job_id: str) -> str:
    """The key of the advisory lock that a run of this phase holds as its sign of life."""
    return f"{phase}:{job_id}"


def run_key(phase: Phase, job_id: str, attempt: int) -> str:
    """Dagster's run key; it is never requested twice."""
    return f"{job_id}:{phase}:{attempt}"


def _unfinished(phase: Phase) -> ColumnElement[bool]:
    """Jobs that have work of this phase left. A job that ended without being launched has nothing left to launch."""
    table = training_jobs.c
    if phase is Phase.LAUNCH:
        return and_(table.status.in_(ACTIVE), table.launched_at.is_(None))
    backend_is_done = table.backend_status.in_([JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.TIMEOUT])
    launched = or_(table.launched_at.is_not(None), table.status.in_(TERMINAL))
    return and_(backend_is_done, launched, table.finalized_at.is_(None))


def claim(store: JobStore, phase: Phase, *, job_id: str | None = None, limit: int = 20) -> list[TrainingJob]:
    """Claim up to `limit` open jobs (or just `job_id`), oldest first, each as its next attempt. Writes.

    Any number of processes may call it at the same moment: a job goes to one of them.
    """
    table, names = training_jobs.c, PHASES[phase]
    due = or_(table[names.after].is_(None), table[names.after] <= func.clock_timestamp())
    candidates = select(table.id).where(_unfinished(phase), table[names.claimed_at].is_(None), due)
    if job_id is not None:
        candidates = candidates.where(table.id == job_id)
    candidates = candidates.order_by(table.created_at).limit(limit).with_for_update(skip_locked=True)
    with store.begin() as connection:
        rows = connection.execute(
            update(training_jobs)
            .where(table.id.in_(candidates.scalar_subquery()))
            .values({names.attempt: table[names.attempt] + 1, names.claimed_at: func.clock_timestamp()})
            .returning(training_jobs)
        ).mappings()
        return sorted((job_from_row(row) for row in rows), key=lambda job: job.created_at)


def at_rest(store: JobStore, job_ids: Collection[str]) -> set[str]:
    """Those of the jobs that have ended, with no work of any phase left. Reads only."""
    table = training_jobs.c
    query = select(table.id).where(
        table.id == any_(literal([*job_ids], ARRAY(Text))),
        table.status.in_(TERMINAL),
        _unfinished(Phase.FINALIZE).is_not(true()),
    )
    with store.begin() as connection:
        return set(connection.execute(query).scalars())


def begin(store: JobStore, phase: Phase, job: TrainingJob, attempt: int, *, run_id: str) -> TrainingJob:
    """The job, with the Dagster run that works on it named in it. Writes.

    Raises `Conflict` where `attempt` does not hold the claim any more. Idempotent.
    """
    state, names = job.phase(phase), PHASES[phase]
    claim_held = {names.attempt: attempt, names.claimed_at: state.claimed_at}
    begun = None
    if state.attempt == attempt and state.claimed_at is not None:
        begun = store.update(job.id, {names.run_id: run_id}, where=claim_held)
    if begun is None:
        raise superseded(phase, job.id, attempt)
    return begun


def superseded(phase: Phase, job_id: str, attempt: int) -> Conflict:
    """The error of a run whose attempt does not hold the claim any more."""
    return Conflict(f"{_ATTEMPT[phase]} attempt {attempt} of training job {job_id} has been superseded.")


def claimed(store: JobStore, phase: Phase) -> list[TrainingJob]:
    """Jobs that are claimed and whose phase is not over. Reads only."""
    table, names = training_jobs.c, PHASES[phase]
    with store.begin() as connection:
        rows = connection.execute(
            select(training_jobs)
            .where(_unfinished(phase), table[names.claimed_at].is_not(None))
            .order_by(table.created_at)
        ).mappings()
        return [job_from_row(row) for row in rows]


def release(
    store: JobStore,
    phase: Phase,
    job_id: str,
    attempt: int,
    *,
    why: str,
    counted: bool = True,
    pauses: RetryPolicy = RUNS,
    cause: Mapping[str, Any] | None = None,
) -> bool:
    """Give a claim back, so that the next attempt may start after a pause; writes an event.

    An attempt that is not `counted` takes nothing from the number that a job has. `cause` are columns that tell why the
    job waits; the event is an error then. False, and nothing is written, if that attempt no longer holds the claim or
    the phase is over.
    """
    pause = pauses.pause(attempt)
    table, names = training_jobs.c, PHASES[phase]
    values: dict[str, Any] = {
        names.claimed_at: None,
        names.after: func.clock_timestamp() + cast(bindparam("pause", f"{pause} seconds"), Interval),
        "updated_at": func.clock_timestamp(),
        **(cause or {}),
    }
    if not counted:
        values[names.uncounted] = table[names.uncounted] + 1
    with store.begin() as connection:
        row = connection.execute(
            update(training_jobs)
            .where(
                table.id == job_id,
                table[names.attempt] == attempt,
                table[names.claimed_at].is_not(None),
                _unfinished(phase),
            )
            .values(values)
            .returning(table.id)
        ).first()
        if row is None:
            return False
        message = f"Attempt {attempt} to {phase} ended early ({why}); the next one starts in {pause:.0f} s."
        message += "" if counted else " This one does not count."
        message += f" {cause['error_message']} `training-pipeline jobs finish {job_id}` tries at once." if cause else ""
        kind = EventType.ERROR if cause else EventType.INFO
        record_event(connection, job_id, kind, message, SYSTEM, data={"phase": phase, "attempt": attempt})
    return True
