"""What is written on a job is replaced whole, and its events keep who wrote what in the place of what."""

from __future__ import annotations

import threading

import pytest

from training_pipeline.domain.errors import InvalidRequest, NotFound
from training_pipeline.domain.job import JobStatus
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.training_jobs.lifecycle.annotate import annotate
from training_pipeline.training_jobs.store.facets import facets
from training_pipeline.training_jobs.store.jobs import JobStore

HOSTILE = "<img src=x onerror=alert(1)>\n[bold]second line[/bold]"


def test_each_change_is_an_event_with_what_was_there(store: JobStore) -> None:
    job = store.create(new_job(status=JobStatus.FAILED, note="as created", tags=("a",)), message="Created.")
    assert (store.get(job.id).note, store.get(job.id).tags) == ("as created", ("a",))
    for _ in range(2):  # a repetition changes nothing
        annotate(store, job.id, actor="ada", note=HOSTILE)
    annotate(store, job.id, actor="grace", tags=["b", "key:a value"])
    changed = annotate(store, job.id, actor="grace", note="", tags=[])
    assert (changed.note, changed.tags) == ("", ())
    events = store.events(job.id)[0][:-1]
    assert [(event.actor, event.message) for event in reversed(events)] == [
        ("ada", "Note: <img src=x onerror=alert(1)>"),
        ("grace", "Tags: b, key:a value."),
        ("grace", "The note was removed. The tags were removed."),
    ]
    assert events[-1].data == {
        "before": {"note": "as created", "tags": ["a"]},
        "now": {"note": HOSTILE, "tags": ["a"]},
    }
    annotate(store, job.id, actor="ada", note="x" * 2000)
    assert len(store.events(job.id)[0][0].message) < 200


def test_everything_that_is_wrong_is_told_at_once_and_nothing_is_written(store: JobStore) -> None:
    job = store.create(new_job(), message="Created.")
    with pytest.raises(InvalidRequest) as caught:
        annotate(store, job.id, actor="ada", note="a\0", tags=["a,b"])
    assert [problem.pointer for problem in caught.value.problems] == ["/note", "/tags"]
    with pytest.raises(NotFound):
        annotate(store, "tj-none", actor="ada", note="n")
    assert len(store.events(job.id)[0]) == 1


def test_two_who_write_at_once_are_both_on_record(store: JobStore) -> None:
    job = store.create(new_job(), message="Created.")
    threads = [
        threading.Thread(target=annotate, args=(store, job.id), kwargs={"actor": "ada", "tags": [f"t{number}"]})
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = [event.data or {} for event in reversed(store.events(job.id)[0][:-1])]
    assert len(told) == 4
    assert [one["now"] for one in told[:-1]] == [one["before"] for one in told[1:]]


def test_tags_that_are_added_and_removed_leave_those_of_others(store: JobStore) -> None:
    job = store.create(new_job(status=JobStatus.FAILED, tags=("a", "b")), message="Created.")
    assert annotate(store, job.id, actor="ada", add_tags=[" c ", "a"], remove_tags=["b ", "none"]).tags == ("a", "c")
    assert annotate(store, job.id, actor="ada", remove_tags=["b"]).tags == ("a", "c")
    assert annotate(store, job.id, actor="ada", tags=["x"], add_tags=["y"], remove_tags=["x"]).tags == ("y",)
    with pytest.raises(InvalidRequest):
        annotate(store, job.id, actor="ada", add_tags=[f"t{number}" for number in range(20)])


def test_jobs_are_found_by_all_their_tags(store: JobStore) -> None:
    for tags in (("a", "b"), ("a",), ()):
        store.create(new_job(tags=tags), message="Created.")
    assert [store.list(tags=tags)[1] for tags in ((), ("a",), ("a", "b"), ("b", "c"), ("%",))] == [3, 2, 1, 0, 0]
    assert facets(store).tags == ("a", "b")
    assert facets(store, tags=["b"]).statuses[JobStatus.PENDING] == 1
