"""Endpoints of a workspace: what is remembered is what it said over time; what people recorded is left alone."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from training_pipeline.databricks.serving import Served, Serving
from training_pipeline.domain.errors import Conflict
from training_pipeline.domain.revocations import Revoked
from training_pipeline.domain.uses import question
from training_pipeline.models.revocations import read
from training_pipeline.models.revocations.revoke import Revocations
from training_pipeline.models.uses import ask
from training_pipeline.models.uses.index import UseIndex
from training_pipeline.models.versions import endpoints
from training_pipeline.models.versions.endpoint_watch import EndpointWatch
from training_pipeline.testing.models.used_rows import dataset_of, job_with, row
from training_pipeline.testing.soak import examples
from training_pipeline.training_jobs.store.jobs import JobStore

HOST, OTHER = "https://dbc-1.example.org", "https://dbc-2.example.org"
START = datetime(2026, 11, 28, tzinfo=UTC)
PAGES = [f"{HOST}/ml/endpoints/{name}" for name in ("a", "b")]
ANY = st.frozensets(st.builds(Served, st.just("triage"), st.sampled_from("12"), st.sampled_from(PAGES)))


def never() -> Serving:
    raise AssertionError("nobody is asked")


@hypothesis.settings(max_examples=examples(15), suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@given(answers=st.lists(ANY, max_size=5), late=st.data())
def test_the_history_is_that_of_the_workspace_whatever_comes_late(
    answers: list[frozenset[Served]], late: st.DataObject, store: JobStore
) -> None:
    with store.begin() as connection:
        connection.execute(text("TRUNCATE model_endpoints, endpoint_looks"))
    watch = EndpointWatch(store, never, seconds=1)
    other = Served("triage", "1", f"{OTHER}/ml/endpoints/a")
    watch.remember(Serving(OTHER, frozenset({other})), asked_at=START)
    spans: dict[tuple[str, str, int], int | None] = {}
    for number, answer in enumerate(answers):
        watch.remember(Serving(HOST, answer), asked_at=START + timedelta(hours=number))
        if number:  # somebody asked before, and has the answer only now
            stale = late.draw(st.integers(0, number - 1))
            watch.remember(Serving(HOST, answers[stale]), asked_at=START + timedelta(hours=stale))
        open_ = {(version, url): key for key, until in spans.items() if until is None for version, url, _ in [key]}
        seen = {(one.model_version, one.url) for one in answer}
        spans |= {open_[one]: number for one in open_.keys() - seen}
        spans |= {(*one, number): None for one in seen - open_.keys()}
    found = {
        (version, one.url, (one.since - START) // timedelta(hours=1)): one.until
        and (one.until - START) // timedelta(hours=1)
        for version in "12"
        for one in endpoints.history(store, "triage", version)
        if one.workspace == HOST
    }
    assert found == spans
    (theirs,) = [one for one in endpoints.history(store, "triage", "1") if one.workspace == OTHER]
    assert (theirs.until, theirs.added_by) == (None, None), "another workspace said nothing"


def test_what_a_person_recorded_is_left_and_what_a_workspace_says_is_not_taken_back(store: JobStore) -> None:
    watch = EndpointWatch(store, never, seconds=1)
    endpoints.add(store, "triage", "1", PAGES[0], actor="ada")
    both = frozenset(Served("triage", "1", url) for url in PAGES)
    watch.remember(Serving(HOST, both), asked_at=datetime.now(UTC))
    assert {one.url: one.added_by for one in endpoints.history(store, "triage", "1")} == {
        PAGES[0]: "ada",
        PAGES[1]: None,
    }
    with pytest.raises(Conflict, match="found in the workspace") as caught:
        endpoints.remove(store, "triage", "1", PAGES[1], actor="ada")
    assert HOST in caught.value.hint
    watch.remember(Serving(HOST, frozenset()), asked_at=datetime.now(UTC))
    assert {one.url: one.until is None for one in endpoints.history(store, "triage", "1")} == {
        PAGES[0]: True,
        PAGES[1]: False,
    }
    assert endpoints.looked_at(store) is not None


def test_a_workspace_that_hangs_or_fails_is_said_and_answers_late(store: JobStore, tmp_path: Path) -> None:
    index = UseIndex(store)
    dataset = dataset_of(tmp_path, "invoices", [row("p-1", "train"), row("p-2", "validation")])
    asked: list[int] = []
    may_answer = threading.Event()
    faults: list[Exception] = []

    def answer() -> Serving:
        asked.append(1)
        may_answer.wait(30)
        if faults:
            raise faults.pop()
        theirs = Served("not_ours", "1", PAGES[1])
        return Serving(HOST, frozenset({Served("triage", "7", PAGES[0]), theirs}))

    watch = EndpointWatch(store, answer, seconds=0.0, wait_seconds=0.2)
    assert watch.look_due() is None
    assert asked == [], "no version is registered yet"
    job_with(store, index, "invoices", dataset, version="7")
    assert watch.look_due() == "The workspace did not say within 0.2 seconds what its endpoints serve."
    assert endpoints.history(store, "triage", "7") == ()
    may_answer.set()
    began = time.monotonic()
    while not endpoints.history(store, "triage", "7"):  # the answer that came late was remembered
        time.sleep(0.01)
        assert time.monotonic() - began < 30
    faults.append(RuntimeError("token dapi-secret"))
    watch.look_due()  # takes the late answer
    said = watch.look_due()
    assert said == "The workspace could not be asked what its endpoints serve: RuntimeError."
    assert [one.until for one in endpoints.history(store, "triage", "7")] == [None]
    assert endpoints.history(store, "not_ours", "1") == ()
    # Who asks what learned from a row, or revokes it, is told where it is served.
    learned = ask.uses(store, question({"pair": "p-1"})).model_versions
    assert [one.in_use.endpoints for one in learned] == [(PAGES[0],)]
    revocations = Revocations(store, lambda *_: None)
    row_of = Revoked(kind="item", value="item of p-1")
    assert revocations.preview(row_of).in_use["triage", "7"].endpoints == (PAGES[0],)
    made = revocations.revoke(row_of, reason="r", actor="grace")
    assert read.whole(store, made.revocation.id).in_use["triage", "7"].endpoints == (PAGES[0],)


def test_nobody_is_asked_more_often_than_said_or_where_there_is_no_workspace(store: JobStore, tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, "invoices", [row("p-1", "train")])
    job_with(store, UseIndex(store), "invoices", dataset, version="7")
    asked: list[int] = []

    def answer() -> Serving:
        asked.append(1)
        return Serving(HOST, frozenset())

    watch = EndpointWatch(store, answer, seconds=60)
    assert (watch.look_due(), watch.look_due(), len(asked)) == (None, None, 1)
    assert EndpointWatch(store, None, seconds=60).look_due() is None
