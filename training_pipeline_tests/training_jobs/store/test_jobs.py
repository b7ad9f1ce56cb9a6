from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training_pipeline.domain.errors import Conflict, NotFound
from training_pipeline.domain.job import TERMINAL, TRANSITIONS, JobStatus, may_become
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.testing.soak import examples
from training_pipeline.training_jobs.store.events import EventType
from training_pipeline.training_jobs.store.jobs import JobStore


def test_a_created_job_comes_back_as_it_was_with_its_first_event(store: JobStore) -> None:
    job = new_job(training_config={"epochs": 3}, excluded_counts={"invalid": 2})
    store.create(job, message="Created.")
    assert store.get(job.id) == job
    events, total = store.events(job.id)
    assert total == 1
    assert (events[0].old_status, events[0].new_status, events[0].actor) == (None, JobStatus.PENDING, "ada")


def test_a_second_job_of_the_same_id_is_refused(store: JobStore) -> None:
    job = store.create(new_job(), message="Created.")
    with pytest.raises(Conflict, match=job.id):
        store.create(job, message="Created.")


def test_an_unknown_job_is_named(store: JobStore) -> None:
    with pytest.raises(NotFound, match="tj-none"):
        store.get("tj-none")


def test_only_legal_transitions_are_written(store: JobStore) -> None:
    for old in JobStatus:
        for new in JobStatus:
            job = store.create(new_job(status=old), message="Created.")
            if may_become(old, new):
                changed = store.change(job, new, message="moved")
                assert changed is not None
                assert changed.status is new
            else:
                with pytest.raises(Conflict):
                    store.change(job, new, message="moved")
                assert store.get(job.id).status is old


def test_a_status_seen_too_long_ago_changes_nothing(store: JobStore) -> None:
    seen = store.create(new_job(), message="Created.")
    store.change(seen, JobStatus.QUEUED, message="queued")
    assert store.change(seen, JobStatus.CANCELLED, message="too late") is None
    assert store.get(seen.id).status is JobStatus.QUEUED
    assert store.events(seen.id)[1] == 2


def test_one_of_many_concurrent_changes_wins_and_leaves_one_event(store: JobStore) -> None:
    job = store.create(new_job(status=JobStatus.RUNNING), message="Created.")
    ends = [JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.TIMEOUT] * 4
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda status: store.change(job, status, message="end"), ends))
    won = [result for result in results if result is not None]
    assert len(won) == 1
    events, total = store.events(job.id)
    assert total == 2
    assert events[0].new_status is won[0].status


@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(path=st.lists(st.sampled_from(JobStatus), max_size=8))
def test_any_walk_leaves_a_journal_that_tells_it(store: JobStore, path: list[JobStatus]) -> None:
    job = store.create(new_job(), message="Created.")
    for status in path:
        if may_become(job.status, status):
            job = store.change(job, status, message="moved") or job
    told = [event for event in store.events(job.id, newest_first=False)[0] if event.new_status is not None]
    assert told[-1].new_status is job.status
    for before, after in pairwise(told):
        assert after.old_status is before.new_status
        assert after.old_status is not None
        assert after.new_status in TRANSITIONS[after.old_status]


def test_times_of_a_run_are_set_by_the_database(store: JobStore) -> None:
    job = store.create(new_job(status=JobStatus.QUEUED), message="Created.")
    running = store.change(job, JobStatus.RUNNING, message="began")
    assert running is not None
    assert running.started_at is not None
    done = store.change(running, JobStatus.SUCCEEDED, message="done")
    assert done is not None
    assert done.completed_at is not None
    assert done.started_at is not None
    assert done.completed_at >= done.started_at
    assert done.duration_seconds == pytest.approx((done.completed_at - done.started_at).total_seconds(), abs=0.1)
    assert done.progress.percent == 100.0


def test_update_is_compare_and_set_and_never_touches_the_status(store: JobStore) -> None:
    job = store.create(new_job(), message="Created.")
    event = (EventType.INFO, "moved on")
    assert store.update(job.id, {"mlflow_offset": 5}, where={"mlflow_offset": 0}, event=event) is not None
    assert store.update(job.id, {"mlflow_offset": 9}, where={"mlflow_offset": 0}, event=event) is None
    assert store.update(job.id, {"backend_job_id": "b"}, where={"backend_job_id": None}) is not None
    assert store.events(job.id)[1] == 2
    with pytest.raises(ValueError, match="status"):
        store.update(job.id, {"status": JobStatus.FAILED})


def test_list_filters_and_counts_newest_first(store: JobStore) -> None:
    jobs = [store.create(new_job(created_by=who), message="Created.") for who in ("ada", "ada", "bob")]
    found, total = store.list(created_by="ada", limit=1)
    assert (total, [job.id for job in found]) == (2, [jobs[1].id])
    assert [job.id for job in store.list()[0]] == [job.id for job in reversed(jobs)]
    assert store.list(statuses=TERMINAL)[1] == 0
