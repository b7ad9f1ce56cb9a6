"""An endpoint that serves a tainted or withdrawn version is told of once, whoever recorded it and whoever dies."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from training_pipeline.alerts.tables import alerts
from training_pipeline.app.alerting import Alerting
from training_pipeline.databricks.serving import Served, Serving
from training_pipeline.domain.model_version import TaintedEndpoint
from training_pipeline.domain.revocations import Revoked
from training_pipeline.models.revocations.decisions import Decisions
from training_pipeline.models.revocations.revoke import Revocations
from training_pipeline.models.revocations.standings import standings
from training_pipeline.models.uses.index import UseIndex
from training_pipeline.models.versions import endpoints
from training_pipeline.models.versions.endpoint_watch import EndpointWatch
from training_pipeline.models.versions.served_taints import ServedTaints
from training_pipeline.testing.models.used_rows import dataset_of, job_with, row
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.urls import Urls

BY_HAND, IN_WORKSPACE, HOST = "https://serve.example.org/a", "https://dbc-1.example.org/ml/endpoints/b", "https://dbc-1"


@pytest.fixture
def job_id(store: JobStore, tmp_path: Path) -> str:
    """The job of version 2 of `triage`, which is tainted; version 1 is clean."""
    index = UseIndex(store)
    letters = dataset_of(tmp_path, "letters", [row("x", "train"), row("y", "validation")])
    invoices = dataset_of(tmp_path, "invoices", [row("p-1", "train"), row("p-2", "validation")])
    job_with(store, index, "letters", letters, version="1")
    job = job_with(store, index, "invoices", invoices, version="2")
    Revocations(store, lambda *_: None).revoke(Revoked(kind="item", value="item of p-1"), reason="r", actor="grace")
    return job.id


def told(store: JobStore) -> list[str]:
    with store.begin() as connection:
        return list(connection.execute(select(alerts.c.message).order_by(alerts.c.noticed_at)).scalars())


def served(store: JobStore) -> ServedTaints:
    alerting = Alerting(store, Urls(dagster="http://dagster", page="http://page"))
    return ServedTaints(store, partial(standings, store), alerting.endpoint_tainted)


def test_each_is_told_once_with_an_event_of_its_version(store: JobStore, job_id: str) -> None:
    watch = EndpointWatch(store, None, seconds=1)
    endpoints.add(store, "triage", "1", BY_HAND, actor="ada")
    assert (served(store).look(), told(store)) == (0, [])
    endpoints.add(store, "triage", "2", BY_HAND, actor="ada")  # after the taint
    assert (served(store).look(), len(told(store))) == (1, 1)
    found = frozenset({Served("triage", "2", IN_WORKSPACE), Served("triage", "1", IN_WORKSPACE)})
    watch.remember(Serving(HOST, found), asked_at=datetime.now(UTC))

    class Died(Exception):
        pass

    def dies(_: TaintedEndpoint) -> None:
        raise Died

    with pytest.raises(Died):
        ServedTaints(store, partial(standings, store), dies).look()
    assert [served(store).look() for _ in range(2)] == [2, 2]
    by_hand, in_workspace = told(store)
    assert by_hand.startswith(f"The endpoint {BY_HAND} serves version 2 of triage, which is tainted (rv-")
    assert in_workspace.startswith(f"The endpoint {IN_WORKSPACE} serves version 2 of triage, which is tainted")
    events = [one.message for one in store.events(job_id)[0] if one.message.startswith("Warning: The endpoint")]
    assert events == [f"Warning: {in_workspace}", f"Warning: {by_hand}"]
    endpoints.remove(store, "triage", "2", BY_HAND, actor="ada")
    endpoints.add(store, "triage", "2", BY_HAND, actor="ada")
    assert (served(store).look(), len(told(store))) == (2, 2)


@pytest.mark.usefixtures("job_id")
def test_a_withdrawn_version_that_is_still_served_is_told_as_such(store: JobStore) -> None:
    endpoints.add(store, "triage", "2", BY_HAND, actor="ada")
    served(store).look()
    Decisions(store).decide("triage", "2", "withdraw", reason="r", actor="grace")
    assert [served(store).look() for _ in range(2)] == [1, 1]
    assert [("withdrawn" in message, "tainted" in message) for message in told(store)] == [(False, True), (True, False)]
    endpoints.remove(store, "triage", "2", BY_HAND, actor="ada")
    assert served(store).look() == 0
