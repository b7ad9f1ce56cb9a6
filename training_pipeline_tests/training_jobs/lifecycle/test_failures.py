from __future__ import annotations

from typing import Any

from training_pipeline.backends.base import Handle
from training_pipeline.domain.errors import (
    GateRefused,
    PermissionUnknown,
    PermissionWithdrawn,
    SheetChanged,
    Unavailable,
)
from training_pipeline.domain.job import JobStatus, Phase, TrainingJob
from training_pipeline.testing.jobs import ScriptedBackend, new_job
from training_pipeline.training_jobs.lifecycle.claims import claim
from training_pipeline.training_jobs.lifecycle.failures import Failures
from training_pipeline.training_jobs.store.jobs import JobStore


def claimed_job(store: JobStore, phase: Phase = Phase.LAUNCH, **values: Any) -> TrainingJob:
    store.create(new_job(**values), message="Created.")
    return claim(store, phase)[0]


def test_a_reason_that_would_recur_fails_the_job_at_once(store: JobStore, backend: ScriptedBackend) -> None:
    job = claimed_job(store)
    refused = GateRefused("Only 3 pairs may be trained on.", hint="Review more.")
    Failures(store, backend, max_attempts=3).raised(Phase.LAUNCH, job.id, 1, refused)
    now = store.get(job.id)
    assert now.status is JobStatus.FAILED
    assert now.error_message == "Only 3 pairs may be trained on.\nReview more."
    assert now.error_details == {"code": "gate_refused", "phase": "launch"}


def test_an_interruption_counts_an_attempt_and_the_last_one_fails(store: JobStore, backend: ScriptedBackend) -> None:
    job = claimed_job(store)
    failures = Failures(store, backend, max_attempts=2)
    failures.raised(Phase.LAUNCH, job.id, 1, Unavailable("The database does not answer."))
    assert store.get(job.id).status is JobStatus.PENDING
    store.update(job.id, {"launch_after": None})
    claim(store, Phase.LAUNCH)
    failures.raised(Phase.LAUNCH, job.id, 1, Unavailable("late news of the first attempt"))
    assert store.get(job.id).launch.claimed_at is not None
    failures.interrupted(Phase.LAUNCH, job.id, 2, why="its run ended as failure")
    now = store.get(job.id)
    assert now.status is JobStatus.FAILED
    assert "2 attempts" in (now.error_message or "")


def test_a_stack_trace_of_ours_is_not_shown(store: JobStore, backend: ScriptedBackend) -> None:
    job = claimed_job(store)
    Failures(store, backend, max_attempts=1).raised(Phase.LAUNCH, job.id, 1, KeyError("a pair's text"))
    message = store.get(job.id).error_message or ""
    assert "KeyError" in message
    assert "a pair's text" not in message


def test_a_job_that_the_backend_has_is_taken_up_instead_of_failed(store: JobStore, backend: ScriptedBackend) -> None:
    job = claimed_job(store, submit_intended_at=new_job().created_at)
    backend.known[(job.id, 1)] = Handle(backend_job_id="b", backend_run_id="r")
    Failures(store, backend, max_attempts=1).interrupted(Phase.LAUNCH, job.id, 1, why="killed")
    now = store.get(job.id)
    assert (now.status, now.handles.backend_run_id) == (JobStatus.QUEUED, "r")
    assert now.launch.done_at is not None


def test_a_finish_that_fails_for_good_keeps_what_was_trained(store: JobStore, backend: ScriptedBackend) -> None:
    job = claimed_job(
        store,
        Phase.FINALIZE,
        status=JobStatus.RUNNING,
        launched_at=new_job().created_at,
        backend_status=JobStatus.SUCCEEDED,
    )
    Failures(store, backend, max_attempts=1).interrupted(Phase.FINALIZE, job.id, 1, why="killed")
    now = store.get(job.id)
    assert now.status is JobStatus.FAILED
    assert "is kept" in (now.error_message or "")
    assert now.finalize.done_at is not None


def test_a_finish_run_of_a_failed_job_is_given_up_at_last(store: JobStore, backend: ScriptedBackend) -> None:
    job = claimed_job(
        store, Phase.FINALIZE, status=JobStatus.FAILED, backend_status=JobStatus.FAILED, error_message="Out of memory."
    )
    Failures(store, backend, max_attempts=1).interrupted(Phase.FINALIZE, job.id, 1, why="killed")
    now = store.get(job.id)
    assert (now.status, now.error_message) == (JobStatus.FAILED, "Out of memory.")
    assert now.finalize.done_at is not None


def test_news_of_a_claim_that_was_given_back_changes_nothing(store: JobStore, backend: ScriptedBackend) -> None:
    job = claimed_job(store)
    failures = Failures(store, backend, max_attempts=3)
    failures.interrupted(Phase.LAUNCH, job.id, 1, why="killed")
    failures.raised(Phase.LAUNCH, job.id, 1, GateRefused("too late"))
    assert store.get(job.id).status is JobStatus.PENDING


def test_a_sheet_that_is_being_edited_is_read_again_however_few_attempts_there_are(
    store: JobStore, backend: ScriptedBackend
) -> None:
    job = claimed_job(store)
    failures = Failures(store, backend, max_attempts=1)
    for attempt in range(1, 6):
        failures.raised(Phase.LAUNCH, job.id, attempt, SheetChanged("It was changed while it was read."))
        now = store.get(job.id)
        assert (now.status, now.launch.claimed_at, now.launch.uncounted) == (JobStatus.PENDING, None, attempt)
        store.update(job.id, {"launch_after": None})
        claim(store, Phase.LAUNCH)
    assert "does not count" in store.events(job.id, limit=1)[0][0].message
    failures.interrupted(Phase.LAUNCH, job.id, 6, why="killed")
    now = store.get(job.id)
    assert now.status is JobStatus.FAILED, "the sixth attempt is the first that counts"
    assert "1 attempts to launch" in (now.error_message or "")


def test_a_sheet_that_never_stops_changing_is_given_up_at_last(store: JobStore, backend: ScriptedBackend) -> None:
    job = claimed_job(store)
    failures = Failures(store, backend, max_attempts=1, patience_seconds=1.0)
    failures.raised(Phase.LAUNCH, job.id, 1, SheetChanged("It was changed while it was read."))
    now = store.get(job.id)
    assert (now.status, (now.error_details or {})["code"]) == (JobStatus.FAILED, "sheet_changed")


def test_what_lost_its_permission_is_named_in_the_details(store: JobStore, backend: ScriptedBackend) -> None:
    values = {"status": JobStatus.RUNNING, "launched_at": new_job().created_at, "backend_status": JobStatus.SUCCEEDED}
    job = claimed_job(store, Phase.FINALIZE, **values)
    lost = PermissionWithdrawn("Gone.", details={"findings": {"missing": 1}, "pairs": 1, "pair_ids": ["p-1"]})
    Failures(store, backend, max_attempts=3).raised(Phase.FINALIZE, job.id, 1, lost)
    now = store.get(job.id)
    assert now.status is JobStatus.FAILED
    assert now.error_details == {
        "code": "permission_withdrawn",
        "phase": "finalize",
        "findings": {"missing": 1},
        "pairs": 1,
        "pair_ids": ["p-1"],
    }


def test_a_job_waits_for_the_answer_whether_it_may_be_registered(store: JobStore, backend: ScriptedBackend) -> None:
    values = {"status": JobStatus.RUNNING, "launched_at": new_job().created_at, "backend_status": JobStatus.SUCCEEDED}
    job = claimed_job(store, Phase.FINALIZE, **values)
    unknown = PermissionUnknown("The sheet cannot be read.")
    Failures(store, backend, max_attempts=1).raised(Phase.FINALIZE, job.id, 1, unknown)
    assert (store.get(job.id).status, store.get(job.id).finalize.claimed_at) == (JobStatus.RUNNING, None)
    store.update(job.id, {"finalize_after": None})
    claim(store, Phase.FINALIZE)
    Failures(store, backend, max_attempts=1, patience_seconds=1.0).raised(Phase.FINALIZE, job.id, 2, unknown)
    now = store.get(job.id)
    assert (now.status, (now.error_details or {})["code"]) == (JobStatus.FAILED, "permission_unknown")
