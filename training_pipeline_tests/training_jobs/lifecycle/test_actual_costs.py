"""The cost of jobs on Databricks: asked once for all, late, and only where it may have become known."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, cast

import pytest

from training_pipeline.domain.errors import BackendUnreachable
from training_pipeline.domain.job import JobStatus
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.training_jobs.lifecycle import actual_costs
from training_pipeline.training_jobs.lifecycle.actual_costs import FAILED_SECONDS, PAUSE_SECONDS, ActualCosts
from training_pipeline.training_jobs.store.jobs import JobStore

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Bill:
    """What Databricks would answer, and what it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.known: dict[str, float] = {}
        self.asked: list[tuple[set[str], date]] = []
        self.error: Exception | None = None
        monkeypatch.setattr(actual_costs, "billed", self)

    def __call__(self, _: Any, run_ids: Collection[str], *, since: date) -> dict[str, float]:
        self.asked.append((set(run_ids), since))
        if self.error is not None:
            raise self.error
        return {run: dbu for run, dbu in self.known.items() if run in run_ids}


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def ended(store: JobStore, run: str, hours: float, **values: Any) -> str:
    """A job on Databricks that ended so many hours ago."""
    at = NOW - timedelta(hours=hours)
    facts = {"status": JobStatus.SUCCEEDED, "backend": "databricks", "backend_run_id": run, "completed_at": at}
    job = new_job(**{**facts, "created_at": at - timedelta(hours=1), **values})
    return store.create(job, message="Created.").id


def test_one_question_for_all_jobs_that_may_be_billed(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    bill, clock = Bill(monkeypatch), Clock()
    costs = ActualCosts(store, cast("Any", None), clock=clock, now=lambda: NOW)
    assert (costs.write_due(), bill.asked) == (0, [])  # no warehouse is woken
    first = ended(store, "1", 2)
    failed = ended(store, "2", 30, status=JobStatus.FAILED)
    ended(store, "3", 0.5)  # too soon
    ended(store, "4", 24 * 8)  # too late
    ended(store, "5", 2, backend="local")
    ended(store, "6", 2, status=JobStatus.RUNNING)
    ended(store, "7", 72, cost_dbu=1.0)  # corrected no more
    corrected = ended(store, "8", 20, cost_dbu=1.0)
    bill.known = {"1": 2.5, "8": 0.75}
    assert costs.write_due() == 2
    assert bill.asked == [({"1", "2", "8"}, date(2026, 11, 19))]
    assert [store.get(each).result.cost_dbu for each in (first, failed, corrected)] == [2.5, None, 0.75]
    assert store.events(first)[0][0].message == "Databricks has billed 2.5 DBU."
    assert costs.write_due() == 0
    assert len(bill.asked) == 1
    clock.seconds = PAUSE_SECONDS
    bill.known["2"] = 0.1
    assert costs.write_due() == 1  # what has not changed is not said again
    assert (len(bill.asked), store.get(failed).result.cost_dbu) == (2, 0.1)


def test_days_are_those_that_are_billed_wherever_the_database_is(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill = Bill(monkeypatch)
    costs = ActualCosts(store, cast("Any", None), clock=Clock(), now=lambda: NOW)
    early = datetime(2026, 11, 20, 2, tzinfo=timezone(timedelta(hours=10)))
    monkeypatch.setattr(costs, "_due", lambda: [("tj-1", "1", None, early)])
    costs.write_due()
    assert bill.asked == [({"1"}, date(2026, 11, 19))]


def test_a_failure_to_ask_fails_nothing(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    bill, clock = Bill(monkeypatch), Clock()
    costs = ActualCosts(store, cast("Any", None), clock=clock, now=lambda: NOW)
    job = ended(store, "1", 2)
    bill.known, bill.error = {"1": 1.0}, BackendUnreachable("Databricks does not answer.")
    assert (costs.write_due(), costs.write_due(), len(bill.asked)) == (0, 0, 1)
    bill.error, clock.seconds = None, FAILED_SECONDS
    assert costs.write_due() == 1
    assert store.get(job).result.cost_dbu == 1.0
