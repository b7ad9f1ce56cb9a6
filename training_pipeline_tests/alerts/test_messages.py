"""What needs a person is noticed once and told to every target once, whatever fails or restarts in between."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from training_pipeline.alerts import delivery
from training_pipeline.alerts.delivery import deliver
from training_pipeline.alerts.messages import (
    Alert,
    Kind,
    of_alias_move,
    of_job,
    of_permission,
    of_revocation,
    of_tainted_alias,
)
from training_pipeline.alerts.records import notice, notice_jobs
from training_pipeline.alerts.tables import alerts
from training_pipeline.alerts.targets import Undelivered
from training_pipeline.domain.aliases import OnTaint, TaintedAlias, moves
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.domain.revocations import Revocation, Taint
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import training_jobs
from training_pipeline.urls import Urls

LINKS = Urls(dagster="http://dagster", page="http://page")
NOW = datetime.now(UTC)
PENDING = timedelta(minutes=15)
TRAINED = {"status": JobStatus.RUNNING, "backend_status": JobStatus.SUCCEEDED}


class Target:
    """Remembers what it was told; fails while `broken`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.told: list[str] = []
        self.broken = False

    def send(self, alert: Mapping[str, Any]) -> None:
        if self.broken:
            raise Undelivered("it answered 500")
        self.told.append(alert["key"])


def about(**values: Any) -> Alert | None:
    return of_job(new_job(**values), LINKS, now=NOW, pending=PENDING)


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        (
            {"status": JobStatus.FAILED, "error_message": "The base model is broken."},
            Kind.FAILED,
            "base model is broken",
        ),
        ({"status": JobStatus.FAILED}, Kind.FAILED, "cause unknown"),
        (
            {"status": JobStatus.FAILED, "error_details": {"code": "gate_refused"}, "error_message": "Only 3 of 9."},
            Kind.BLOCKED,
            "was blocked by the gates",
        ),
        ({"status": JobStatus.TIMEOUT}, Kind.TIMED_OUT, "timed out"),
        (
            {**TRAINED, "error_message": "Its model is trained and kept, but …"},
            Kind.WAITING,
            "is trained, but not finished",
        ),
        ({"status": JobStatus.RUNNING, "error_message": "The disk is full."}, Kind.WAITING, "waits (training sheet"),
        ({"created_at": NOW - timedelta(minutes=16)}, Kind.PENDING, "pending for 16 minutes"),
    ],
)
def test_what_is_told_about_a_job(values: dict[str, Any], kind: Kind, words: str) -> None:
    found = about(**values)
    assert found is not None
    assert found.kind is kind
    assert words in found.message
    assert "requested by ada" in found.message
    assert found.links["training job"] == f"http://page/train/jobs/{found.job_id}"


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"status": JobStatus.RUNNING, "created_at": NOW - timedelta(days=1)},
        TRAINED,
        {"status": JobStatus.SUCCEEDED},
        {"status": JobStatus.CANCELLED},
    ],
)
def test_nobody_is_told_what_needs_nobody(values: dict[str, Any]) -> None:
    assert about(**values) is None


@pytest.mark.parametrize(
    ("what", "version", "names", "words"),
    [
        ("alert", None, "names", "Move it to a clean version."),
        ("demote", "1", "named", "It was moved back to version 1."),
        ("demote", None, "named", "It was taken away"),
    ],
)
def test_an_alias_of_a_tainted_version_is_told_with_what_is_done(
    what: OnTaint, version: str | None, names: str, words: str, store: JobStore
) -> None:
    job = store.create(new_job(), message="Created.")
    found = TaintedAlias(
        model_name="triage", alias="champion", model_version="2", job_id=job.id, revocation_ids=("rv-1",)
    )
    alert = of_tainted_alias(found, what, version, LINKS)
    assert f"champion of triage {names} version 2, which is tainted (rv-1)" in alert.message
    assert words in alert.message
    assert [notice(store, alert, as_event=True) for _ in range(2)] == [True, False]
    assert "champion" in store.events(job.id)[0][0].message


def test_a_move_behind_our_back_is_told_each_time() -> None:
    (move,) = moves("triage", {"champion": "1"}, {"champion": "2"})
    first, second = (of_alias_move(move, at) for at in (NOW, NOW + timedelta(seconds=1)))
    assert (first.kind, first.key != second.key) == (Kind.ALIAS_MOVED, True)
    assert "moved from version 1 to 2" in first.message


def test_a_revocation_names_what_it_taints_and_where_that_is_served() -> None:
    revocation = Revocation(
        id="rv-1",
        number=1,
        kind="item",
        value="i-1",
        training_sheet_id=None,
        source="by_hand",
        reason="r",
        actor="grace",
        pairs=0,
        created_at=NOW,
    )
    taints = [
        Taint(revocation_id="rv-1", job_id=f"tj-{number}", model_name="triage", model_version=str(number))
        for number in range(12)
    ]
    assert of_revocation(revocation, [], [], LINKS) is None
    served = ["https://a.b/ml/endpoints/triage"]
    alert = of_revocation(revocation, taints, ["tj-9"], LINKS, endpoints=served, people=["ada", "grace"])
    assert alert is not None
    assert (
        "triage 9 and 2 more. Requested by ada, grace. Served by https://a.b/ml/endpoints/triage. 1 training jobs"
        in alert.message
    )
    silent = of_revocation(revocation, taints[:1], [], LINKS)
    assert silent is not None
    assert "Served" not in silent.message
    open_yet = of_revocation(revocation, [], [], LINKS, unread=2)
    assert open_yet is not None
    assert open_yet.message.endswith(
        "No registered model is known to be trained on it. The manifests of 2 datasets cannot be read: restore them."
    )
    keys = [of_revocation(revocation, some, [], LINKS, unread=1) for some in ([], taints[:1], taints[:2], taints[2:4])]
    assert len({one.key for one in keys if one is not None}) == 4, "each is a piece of news"


def test_only_the_first_line_of_a_cause_is_told() -> None:
    found = about(status=JobStatus.FAILED, error_message=f"{'x' * 500}\nthe rest of a table")
    assert found is not None
    assert "the rest" not in found.message
    assert len(found.message) < 500


def stored(store: JobStore, **values: Any) -> TrainingJob:
    return store.create(new_job(**values), message="Created.")


def fail(store: JobStore, job: TrainingJob, **values: Any) -> None:
    assert store.change(job, JobStatus.FAILED, message="Failed.", values=values)


def test_a_job_is_noticed_once_for_each_thing_that_happens_to_it(store: JobStore) -> None:
    stuck = stored(store, created_at=NOW - timedelta(hours=1))
    stored(store)
    assert notice_jobs(store, LINKS, now=NOW, pending=PENDING) == 1
    fail(store, stuck, error_message="The database was away.")
    assert notice_jobs(store, LINKS, now=NOW, pending=PENDING) == 1
    assert notice_jobs(store, LINKS, now=NOW, pending=PENDING) == 0
    with store.begin() as connection:
        kinds = connection.execute(select(alerts.c.kind).order_by(alerts.c.noticed_at)).scalars().all()
    assert kinds == [Kind.PENDING, Kind.FAILED]


def test_a_trained_job_that_cannot_be_finished_is_noticed_once(store: JobStore) -> None:
    job = stored(store, **TRAINED)
    assert notice_jobs(store, LINKS, now=NOW, pending=PENDING) == 0
    store.update(job.id, {"error_message": "MLflow does not answer."})
    assert [notice_jobs(store, LINKS, now=NOW, pending=PENDING) for _ in range(2)] == [1, 0]


def test_each_cause_that_a_job_waits_for_is_noticed_whatever_its_numbers(store: JobStore) -> None:
    job = stored(store, status=JobStatus.RUNNING)
    found = []
    for values in (
        {"error_message": "The disk is full: 3 GB are free.\nÜ 1"},
        {"error_message": "The disk is full: 12 GB are free.\nÜ 2"},
        {"error_message": None},
        {"backend_status": JobStatus.SUCCEEDED, "error_message": "Its model is trained and kept, but …"},
        {"error_message": "The disk is full: 1 GB are free.\nÜ 3"},
    ):
        store.update(job.id, values)
        found.append(notice_jobs(store, LINKS, now=NOW, pending=PENDING))
    assert found == [1, 0, 0, 1, 0]
    with store.begin() as connection:
        messages = connection.execute(select(alerts.c.message).order_by(alerts.c.noticed_at)).scalars().all()
    assert ["is trained, but not finished" in message for message in messages] == [False, True]


def test_old_failures_are_history(store: JobStore) -> None:
    job = stored(store)
    fail(store, job)
    with store.begin() as connection:
        connection.execute(update(training_jobs).values(completed_at=NOW - timedelta(days=8)))
    assert notice_jobs(store, LINKS, now=NOW, pending=PENDING) == 0


def test_each_target_is_told_once_and_one_that_fails_is_told_later(store: JobStore, monkeypatch: Any) -> None:
    fail(store, stored(store))
    notice_jobs(store, LINKS, now=NOW, pending=PENDING)
    log, webhook = Target("log"), Target("webhook")
    webhook.broken = True
    found = deliver(store, [log, webhook])
    assert (found.told, found.failed) == (1, {"webhook": "it answered 500"})
    webhook.broken = False
    assert deliver(store, [log, webhook]).told == 0, "it pauses first"
    with store.begin() as connection:
        connection.execute(update(alerts).values(after=NOW))
    assert deliver(store, [log, webhook]).told == 1
    assert deliver(store, [log, webhook]).told == 0
    assert len(log.told) == len(webhook.told) == 1


def test_a_target_that_does_not_answer_is_asked_once_a_round(store: JobStore) -> None:
    for _ in range(3):
        fail(store, stored(store))
    notice_jobs(store, LINKS, now=NOW, pending=PENDING)
    asked = []

    class Dead(Target):
        def send(self, alert: Mapping[str, Any]) -> None:
            asked.append(alert["key"])
            raise Undelivered("TimeoutError")

    log = Target("log")
    assert deliver(store, [Dead("webhook"), log]).told == 3
    assert len(asked) == 1


def test_an_alert_that_breaks_a_target_keeps_no_other_from_anybody(store: JobStore) -> None:
    for _ in range(2):
        fail(store, stored(store))
    notice_jobs(store, LINKS, now=NOW, pending=PENDING)

    class Odd(Target):
        def send(self, alert: Mapping[str, Any]) -> None:
            if not self.broken:
                self.broken = True
                raise LookupError("https://me:secret@host")
            self.told.append(alert["key"])

    odd, log = Odd("webhook"), Target("log")
    found = deliver(store, [odd, log])
    assert (found.told, found.failed) == (3, {"webhook": "LookupError"})
    assert (len(odd.told), len(log.told)) == (1, 2)
    assert deliver(store, [odd, log]).told == 0, "it pauses first"


def test_a_death_after_the_telling_loses_nothing(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(store, stored(store))
    notice_jobs(store, LINKS, now=NOW, pending=PENDING)
    target = Target("log")

    def die(*_: object) -> None:
        raise ConnectionError("killed here")

    monkeypatch.setattr(delivery, "_set", die)
    with pytest.raises(ConnectionError):
        deliver(store, [target])
    monkeypatch.undo()
    deliver(store, [target])
    deliver(store, [target])
    assert len(target.told) == 2
    assert len(set(target.told)) == 1, "told twice under the same key"


def test_a_round_ends_when_its_time_is_over_and_the_rest_follows(store: JobStore) -> None:
    for _ in range(3):
        fail(store, stored(store))
    notice_jobs(store, LINKS, now=NOW, pending=PENDING)
    target = Target("log")
    deliver(store, [target], enough=lambda: bool(target.told))
    assert len(target.told) == 1
    deliver(store, [target])
    assert len(set(target.told)) == 3


def test_a_lost_permission_becomes_an_event_of_the_job_once_for_the_same_pairs(store: JobStore) -> None:
    job = stored(store)
    alert = of_permission(job, "Model m was trained on 1 pair that may no longer be trained on (p-1).", "a1", LINKS)
    assert notice(store, alert, as_event=True)
    assert not notice(store, alert, as_event=True)
    other = of_permission(job, "Model m was trained on 2 pairs …", "b2", LINKS)
    assert notice(store, other, as_event=True)
    told = [event.message for event in store.events(job.id)[0] if event.message.startswith("Warning")]
    assert len(told) == 2
