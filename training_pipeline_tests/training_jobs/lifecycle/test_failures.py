from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest

from training_pipeline.backends.handles import Handle
from training_pipeline.domain.errors import (
    BackendFailed,
    BackendUnreachable,
    GateRefused,
    NotFound,
    PermissionUnknown,
    PermissionWithdrawn,
    PipelineError,
    RecordsDisagree,
    SheetChanged,
    Unavailable,
)
from training_pipeline.domain.job import Action, JobStatus, Phase, TrainingJob
from training_pipeline.testing.jobs.jobs import ScriptedBackend, new_job
from training_pipeline.training_jobs.lifecycle.claims import claim
from training_pipeline.training_jobs.lifecycle.failures import Failures
from training_pipeline.training_jobs.store.events import EventType
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


TRAINED: Final = {
    "status": JobStatus.RUNNING,
    "launched_at": new_job().created_at,
    "backend_status": JobStatus.SUCCEEDED,
}


def again(store: JobStore, job_id: str, phase: Phase = Phase.FINALIZE) -> int:
    """The number of the next attempt, which begins now."""
    store.update(job_id, {f"{phase}_after": None})
    return claim(store, phase, job_id=job_id)[0].phase(phase).attempt


@pytest.mark.parametrize(
    "bad_luck",
    [
        lambda failures, *which: failures.interrupted(*which, why="its run ended as failure"),
        lambda failures, *which: failures.raised(*which, Unavailable("MLflow does not answer.")),
        lambda failures, *which: failures.raised(*which, BackendUnreachable("The workspace does not answer.")),
        lambda failures, *which: failures.raised(*which, PermissionUnknown("The sheet cannot be read.")),
        lambda failures, *which: failures.raised(*which, BackendFailed("A principal does not exist.")),
        lambda failures, *which: failures.raised(*which, NotFound("There is no such MLflow run.")),
        lambda failures, *which: failures.raised(*which, KeyError("a bug of ours")),
        lambda failures, *which: failures.never_started(*which, why="Dagster was not asked for its run"),
    ],
)
def test_a_trained_job_is_never_given_up_by_bad_luck(
    bad_luck: Callable[..., None], store: JobStore, backend: ScriptedBackend
) -> None:
    job = claimed_job(store, Phase.FINALIZE, **TRAINED)
    failures = Failures(store, backend, max_attempts=1, deadline_seconds=0.0)
    for attempt in range(1, 5):
        bad_luck(failures, Phase.FINALIZE, job.id, attempt)
        now = store.get(job.id)
        assert (now.status, now.finalize.claimed_at, now.finalize.done_at) == (JobStatus.RUNNING, None, None)
        assert (now.error_message or "").startswith("Its model is trained and kept, but the job could not be finished")
        assert (now.error_details or {})["code"] == "unfinished"
        assert Action.FINISH in now.allowed_actions
        event = store.events(job.id, limit=1)[0][0]
        assert event.type is EventType.ERROR
        assert f"training-pipeline jobs finish {job.id}" in event.message
        assert again(store, job.id) == attempt + 1


@pytest.mark.parametrize("error", [GateRefused("The counts do not add up."), PermissionWithdrawn("Gone.")])
def test_a_trained_job_is_failed_at_once_by_what_may_not_be_registered(
    error: PipelineError, store: JobStore, backend: ScriptedBackend
) -> None:
    job = claimed_job(store, Phase.FINALIZE, **TRAINED)
    Failures(store, backend, max_attempts=3).raised(Phase.FINALIZE, job.id, 1, error)
    assert store.get(job.id).status is JobStatus.FAILED


def test_records_that_do_not_agree_end_a_trained_job_after_its_attempts(
    store: JobStore, backend: ScriptedBackend
) -> None:
    job = claimed_job(store, Phase.FINALIZE, **TRAINED)
    failures = Failures(store, backend, max_attempts=2)
    failures.raised(Phase.FINALIZE, job.id, 1, RecordsDisagree("model.safetensors differs."))
    assert store.get(job.id).status is JobStatus.RUNNING
    failures.raised(Phase.FINALIZE, job.id, again(store, job.id), RecordsDisagree("model.safetensors differs."))
    now = store.get(job.id)
    assert (now.status, now.error_message) == (JobStatus.FAILED, "model.safetensors differs.")
    assert now.finalize.done_at is not None


def test_an_attempt_under_which_the_database_was_restarted_does_not_count(
    store: JobStore, backend: ScriptedBackend
) -> None:
    job = claimed_job(store)
    store.update(job.id, {"launch_claimed_at": store.server_started_at() - timedelta(seconds=1)})
    Failures(store, backend, max_attempts=1).interrupted(Phase.LAUNCH, job.id, 1, why="its run ended as failure")
    now = store.get(job.id)
    assert (now.status, now.launch.uncounted, now.launch.claimed_at) == (JobStatus.PENDING, 1, None)
    assert "the database was restarted meanwhile" in store.events(job.id, limit=1)[0][0].message


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
    failures = Failures(store, backend, max_attempts=1, deadline_seconds=1.0)
    failures.raised(Phase.LAUNCH, job.id, 1, SheetChanged("It was changed while it was read."))
    now = store.get(job.id)
    assert (now.status, (now.error_details or {})["code"]) == (JobStatus.FAILED, "sheet_changed")


def test_what_lost_its_permission_is_named_in_the_details(store: JobStore, backend: ScriptedBackend) -> None:
    job = claimed_job(store, Phase.FINALIZE, **TRAINED)
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
    job = claimed_job(store, Phase.FINALIZE, **TRAINED)
    Failures(store, backend, max_attempts=1).raised(Phase.FINALIZE, job.id, 1, PermissionUnknown("Unreadable."))
    now = store.get(job.id)
    assert (now.status, now.finalize.claimed_at, now.error_message) == (JobStatus.RUNNING, None, None)
