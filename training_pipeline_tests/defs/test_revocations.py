"""From a change in a file, or a revocation by hand, to a tainted version: in our record, in MLflow and in Dagster."""

from __future__ import annotations

import threading
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import select

from training_pipeline.alerts.tables import alerts
from training_pipeline.app.container import Services
from training_pipeline.defs import revocations as sensor
from training_pipeline.defs.revocations import LOCK, Looks, make_sensor, watch
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.revocations import Revoked
from training_pipeline.infra import advisory_lock
from training_pipeline.infra.bounded_calls import BoundedCalls
from training_pipeline.models.revocations import read
from training_pipeline.models.revocations.tags import TAG
from training_pipeline.models.revocations.watch import WatchRound
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.dagster_runs import create, finish, launch
from training_pipeline.tracking.mlflow import Tracking

STILL_PERMITTED = dg.AssetCheckKey(dg.AssetKey("fine_tuned_model"), "still_permitted")


def tick(services: Services, instance: dg.DagsterInstance) -> str:
    """What a tick of the sensor says, at a time when every sheet is due."""
    with services.store.begin() as connection:
        connection.exec_driver_sql("UPDATE watched_sheets SET looked_at = looked_at - interval '1 hour'")
    with dg.build_sensor_context(instance=instance, resources={"services": services}) as context:
        result = make_sensor(5)(context)
    assert isinstance(result, dg.SkipReason)
    return str(result.skip_message)


def verdicts(instance: dg.DagsterInstance) -> list[bool]:
    """What the check said, the newest first."""
    records = instance.event_log_storage.get_asset_check_execution_history(STILL_PERMITTED, limit=20)
    return [record.status.value == "SUCCEEDED" for record in records]


def test_a_change_in_the_file_taints_the_version_everywhere(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking = services.tracking
    assert isinstance(tracking, Tracking)
    job = create(services)
    assert launch(services, definitions, instance, job).success
    # By hand, right after the source was asked for the last time: it is registered, and tainted as it is.
    ask = services.finalizer.require_permission

    def revoked_then(*arguments: Any) -> None:
        ask(*arguments)
        services.revocations.revoke(Revoked(kind="item", value="item-0007"), reason="late", actor="grace")

    with monkeypatch.context() as patch:
        patch.setattr(services.finalizer, "require_permission", revoked_then)
        assert finish(services, definitions, instance, job).success
    registered = services.store.get(job.id)
    assert (registered.status, registered.tainted_at is not None) == (JobStatus.SUCCEEDED, True)
    by_hand = read.page(services.store, limit=1)[0][0].revocation.id
    assert verdicts(instance) == [True]
    name, version = str(registered.result.uc_model_name), str(registered.result.uc_model_version)

    def tag() -> str | None:
        tags: dict[str, str] = tracking.client.get_model_version(name, version).tags
        return tags.get(TAG)

    assert tag() is None
    assert "0 revocation(s) recorded. 1 check(s) failed, 1 model(s) tagged" in tick(services, instance)
    assert (tag(), verdicts(instance)) == (by_hand, [False, True])
    pairs = rows(40)
    pairs[3]["prohibited_uses"] = ["training"]
    write_sheet(services.settings.sheets, "small", pairs)
    # A process that died right after it had told Dagster: it is told again, and nothing comes of it.
    with services.store.begin() as connection:
        connection.exec_driver_sql("UPDATE taints SET checked_at = NULL")
    assert "1 revocation(s) recorded. 1 check(s) failed, 1 model(s) tagged" in tick(services, instance)
    seen = read.page(services.store, limit=1)[0][0].revocation
    assert (seen.source, seen.training_sheet_id, seen.pairs, seen.actor) == ("lost_permission", "small", 1, "system")
    assert (tag(), verdicts(instance)) == (f"{by_hand}, {seen.id}", [False, True])
    assert "0 revocation(s) recorded. 0 check(s) failed, 0 model(s) tagged" in tick(services, instance)
    told = [alert for alert in _alerts(services) if alert["kind"] == "revoked"]
    assert [alert["job_id"] for alert in told] == [None, job.id, job.id], "the first one told of a job in progress"
    assert all(f"{name} {version}" in alert["message"] for alert in told[1:])
    # While another one looks, nobody else does; a sheet that is gone is told once a day.
    with advisory_lock.hold(services.database, LOCK):
        assert tick(services, instance).startswith("Another process is looking.")
    for suffix in ("yaml", "jsonl"):
        (services.settings.sheets / f"small.{suffix}").unlink()
    looks: Looks = BoundedCalls(1, hung_after=60.0)
    for _ in range(2):
        tick(services, instance)
        assert "cannot be read" not in watch(instance, services, looks), "not due again"
    (blind,) = (alert for alert in _alerts(services) if alert["kind"] == "permission_unknown")
    assert "small" in blind["message"]
    # What was revoked is left out; a job that trains on what is revoked meanwhile is refused, whatever the source says.
    write_sheet(services.settings.sheets, "small", rows(40))
    again = create(services)
    assert launch(services, definitions, instance, again).success
    launched = services.store.get(again.id)
    assert (launched.data.eligible_pairs, services.revocations.held(launched)) == (38, {})
    late = services.revocations.revoke(Revoked(kind="item", value="item-0009"), reason="late", actor="grace")
    finish(services, definitions, instance, again)
    refused = services.store.get(again.id)
    assert refused.status is JobStatus.FAILED
    assert late.revocation.id in str(refused.error_message)
    assert refused.tainted_at is None


def test_a_look_outlives_the_tick_and_is_not_begun_twice(
    services: Services, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged, begun = threading.Event(), []

    def slow(**_: Any) -> WatchRound:
        begun.append(advisory_lock.is_held(services.database, LOCK))
        assert judged.wait(120)
        return WatchRound(sheets=1, recorded=("rv-1",))

    monkeypatch.setattr(services.sheet_watch, "look_due", slow)
    monkeypatch.setattr(sensor, "LOOK_SECONDS", 0.2)
    looks: Looks = BoundedCalls(1, hung_after=60.0)
    assert "Still looking" in watch(instance, services, looks)
    assert "Still looking" in watch(instance, services, looks)
    assert begun == [True]
    judged.set()
    monkeypatch.setattr(sensor, "LOOK_SECONDS", 20.0)
    assert "Looked at 1 training sheet(s): 1 revocation(s) recorded." in watch(instance, services, looks)
    assert "Looked at 1" in watch(instance, services, looks), "a new one"
    assert begun == [True, True]


@pytest.mark.parametrize("error", [TimeoutError("the disk"), RuntimeError("the database")])
def test_a_look_that_fails_fails_its_tick_and_the_next_one_begins_anew(
    services: Services, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(**_: Any) -> WatchRound:
        raise error

    looks: Looks = BoundedCalls(1, hung_after=60.0)
    with monkeypatch.context() as patch:
        patch.setattr(services.sheet_watch, "look_due", fail)
        with pytest.raises(type(error), match="the d"):
            watch(instance, services, looks)
    assert "Looked at 0" in watch(instance, services, looks)


def _alerts(services: Services) -> list[dict[str, Any]]:
    with services.store.begin() as connection:
        found = connection.execute(select(alerts).order_by(alerts.c.noticed_at)).mappings()
        return [dict(one) for one in found]
