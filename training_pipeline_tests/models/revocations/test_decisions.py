from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from training_pipeline.alerts.messages import of_due_decision
from training_pipeline.alerts.records import notice
from training_pipeline.domain.decisions import Decision, DecisionKind
from training_pipeline.domain.errors import Conflict, InvalidRequest, NotFound
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.model_version import VersionState
from training_pipeline.domain.revocations import Revoked
from training_pipeline.models.revocations.decisions import Decisions, proposed
from training_pipeline.models.revocations.revoke import Revocations
from training_pipeline.models.revocations.standings import standings
from training_pipeline.models.uses.index import UseIndex
from training_pipeline.testing.models.used_rows import dataset_of, job_with, row
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.urls import Urls

WEEK = timedelta(days=7)
LINKS = Urls(dagster="http://dagster", page="http://page")


def holding(decisions: Decisions, job_id: str) -> int | None:
    found = decisions.in_force([job_id])[job_id].holding
    return None if found is None else found.number


def tainted(store: JobStore, index: UseIndex, revocations: Revocations, folder: Path) -> TrainingJob:
    """A job that registered version 3 of triage, of which one row was revoked since."""
    dataset = dataset_of(folder, "invoices", [row("p-1", "train")])
    job = job_with(store, index, "invoices", dataset, version="3", model_name="triage")
    revocations.revoke(Revoked(kind="item", value="item of p-1"), reason="r", actor="grace")
    return job


def test_with_four_eyes_a_decision_holds_once_a_second_person_has_made_it(
    store: JobStore, index: UseIndex, revocations: Revocations, tmp_path: Path
) -> None:
    decisions = Decisions(store, approval=WEEK)
    dataset = dataset_of(tmp_path, "invoices", [row("p-1", "train"), row("p-2", "train")])
    job = job_with(store, index, "invoices", dataset, version="3", model_name="triage")

    def decide(what: DecisionKind, actor: str) -> Decision:
        return decisions.decide("triage", "3", what, reason="r", actor=actor)

    def state() -> VersionState:
        return VersionState(standings(store, [job.id], approval=WEEK)[job.id].state)

    def revoke(item: str) -> None:
        revocations.revoke(Revoked(kind="item", value=item), reason="r", actor="grace")

    revoke("item of p-1")
    assert not decisions.risk_accepted("triage", "3")
    decide("accept_risk", "grace")
    decide("accept_risk", "grace")  # twice the same person is one person
    assert not decisions.risk_accepted("triage", "3")
    assert proposed(WEEK) in standings(store, [job.id], approval=WEEK)[job.id].reasons[-1]
    assert store.events(job.id)[0][0].message.endswith("has decided the same, within 7 days.")
    accepted = decide("accept_risk", "ada")
    assert decisions.risk_accepted("triage", "3")
    assert holding(decisions, job.id) == accepted.number
    assert not store.events(job.id)[0][0].message.endswith(proposed(WEEK))
    revoke("item of p-2")
    decide("accept_risk", "ada")  # of the second revocation only one person knows
    assert not decisions.risk_accepted("triage", "3")
    decide("accept_risk", "grace")
    assert decisions.risk_accepted("triage", "3")
    decide("withdraw", "grace")
    assert (state(), decisions.risk_accepted("triage", "3")) == (VersionState.TAINTED, False)
    decide("withdraw", "ada")
    assert state() is VersionState.WITHDRAWN
    assert decisions.verify()[1] == []


def test_what_nobody_approved_in_time_is_void_and_says_so(
    store: JobStore, index: UseIndex, revocations: Revocations, tmp_path: Path
) -> None:
    job = tainted(store, index, revocations, tmp_path)
    moment = timedelta(microseconds=1)
    decisions = Decisions(store, approval=moment)
    first = decisions.decide("triage", "3", "withdraw", reason="r", actor="grace")
    assert decisions.in_force([job.id])[job.id].expired == {first.number}
    decisions.decide("triage", "3", "withdraw", reason="r", actor="ada")
    assert holding(decisions, job.id) is None
    found = standings(store, [job.id], approval=moment)[job.id]
    assert found.state is VersionState.TAINTED
    assert found.reasons[-1].startswith("A decision about it is void: no second steward decided the same within ")
    assert decisions.verify()[1] == []


def test_decisions_are_appended_and_a_removed_or_changed_one_shows(
    store: JobStore, index: UseIndex, revocations: Revocations, tmp_path: Path
) -> None:
    decisions = Decisions(store)
    assert standings(store, []) == {}
    dataset = dataset_of(tmp_path, "invoices", [row("p-1", "train")])
    job = job_with(store, index, "invoices", dataset, version="3", model_name="triage")
    with pytest.raises(NotFound):
        decisions.decide("triage", "4", "retrain", reason="r", actor="grace")
    with pytest.raises(Conflict, match="not tainted"):
        decisions.decide("triage", "3", "retrain", reason="r", actor="grace")
    made = revocations.revoke(Revoked(kind="item", value="item of p-1"), reason="r", actor="grace").revocation
    how = standings(store, [job.id, "tj-other"])
    assert {job_id: one.state for job_id, one in how.items()} == {job.id: VersionState.TAINTED}
    assert made.id in how[job.id].reasons[0]
    with pytest.raises(InvalidRequest):
        decisions.decide("triage", "3", "retrain", reason="", actor="grace", due=date(2020, 1, 1))
    with ThreadPoolExecutor(4) as threads:
        several = [
            threads.submit(decisions.decide, "triage", "3", "accept_risk", reason=f"Grund {number}: ä", actor="grace")
            for number in range(4)
        ]
        assert sorted(one.result().number for one in several) == [1, 2, 3, 4]
    last = decisions.decide(
        "triage", "3", "withdraw", reason=" ends ", actor="ada", due=date(2099, 1, 1), evidence="https://example.org/1"
    )
    assert (last.number, last.reason, last.due, last.revocation_ids) == (5, "ends", date(2099, 1, 1), (made.id,))
    assert standings(store, [job.id])[job.id].state is VersionState.WITHDRAWN
    every, problems = decisions.verify()
    assert (problems, every[-1]) == ([], last)
    assert "Decision 5 about the tainted model triage 3: withdraw." in store.events(job.id)[0][0].message
    newest, total = decisions.page(name="triage", version="3", limit=2)
    assert ([one.number for one in newest], total) == ([5, 4], 5)
    assert [one.number for one in decisions.page(limit=9, before=4)[0]] == [3, 2, 1]
    assert decisions.page(name="other", limit=9) == ([], 0)
    for tampering, said in (
        ("UPDATE decisions SET reason = 'another' WHERE number = 2", "decision 2 was changed"),
        ("DELETE FROM decisions WHERE number = 5", "decision 5 was removed"),
        ("DELETE FROM decisions WHERE number IN (2, 3)", "decision 2 is missing to 3"),
        ("DELETE FROM decisions", "decision 1 was removed"),
    ):
        with store.engine.connect() as connection, connection.begin() as transaction:
            connection.execute(text(tampering))
            found = Decisions(store.within(connection)).verify()[1]
            assert any(said in problem for problem in found), (tampering, found)
            transaction.rollback()
    assert decisions.verify(head=every[0].hash)[1] == []
    assert decisions.verify(head="f" * 64)[1] != []


def test_the_number_of_a_removed_decision_is_not_taken_again(
    store: JobStore, index: UseIndex, revocations: Revocations, tmp_path: Path
) -> None:
    decisions = Decisions(store)
    tainted(store, index, revocations, tmp_path)
    each: tuple[DecisionKind, ...] = ("withdraw", "accept_risk")
    for decision in each:
        decisions.decide("triage", "3", decision, reason="r", actor="grace")
        with store.begin() as connection:
            connection.execute(text("DELETE FROM decisions WHERE decision = 'withdraw'"))
    every, problems = decisions.verify()
    assert [one.number for one in every] == [2]
    assert problems == ["decision 1 is missing", "decision 1 was removed: an event records it"]


def test_only_the_last_decision_about_a_version_is_overdue(
    store: JobStore, index: UseIndex, revocations: Revocations, tmp_path: Path
) -> None:
    decisions = Decisions(store)
    tainted(store, index, revocations, tmp_path)
    name, today = "triage", datetime.now(UTC).date()
    tomorrow = today + timedelta(days=1)
    first = decisions.decide(name, "3", "retrain", reason="r", actor="grace", due=today)
    assert decisions.overdue(today) == []
    assert [one.number for one in decisions.overdue(tomorrow)] == [first.number]
    alert = of_due_decision(decisions.overdue(tomorrow)[0], LINKS)
    assert f"(retrain, by grace) was due on {today}" in alert.message
    assert [notice(store, alert) for _ in range(2)] == [True, False]
    decisions.decide(name, "3", "withdraw", reason="r", actor="grace")
    assert decisions.overdue(tomorrow) == []
