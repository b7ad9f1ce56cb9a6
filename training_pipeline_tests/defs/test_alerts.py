"""The sensor that tells people what needs them, and how it knows of sensors that fail."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import TickStatus

from training_pipeline.alerts.messages import Alert, Kind
from training_pipeline.alerts.records import notice, told_at
from training_pipeline.app.container import Services
from training_pipeline.defs.alerts import FAILURES_IN_A_ROW, failing, tell_people
from training_pipeline.domain.job import JobStatus
from training_pipeline.testing.system.dagster_runs import create
from training_pipeline.urls import Urls

LINKS = Urls(dagster="http://dagster", page="http://page")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """One that keeps ticks, which an ephemeral one does not."""
    with dg.instance_for_test() as kept:
        yield kept


def told(services: Services, instance: dg.DagsterInstance) -> str:
    with dg.build_sensor_context(instance=instance, resources={"services": services}) as context:
        result = tell_people(context)
    assert isinstance(result, dg.SkipReason)
    return result.skip_message or ""


def test_a_failed_job_is_told_once_and_the_tick_says_what_was_done(
    services: Services, instance: dg.DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    services.store.change(create(services), JobStatus.FAILED, message="Failed.", values={"error_message": "It broke."})
    with caplog.at_level(logging.WARNING, "training_pipeline.alerts"):
        assert "1 new alerts; sent 1 to log" in told(services, instance)
        assert "0 new alerts; sent 0 to log" in told(services, instance)
    messages = [record.getMessage() for record in caplog.records if record.name == "training_pipeline.alerts"]
    assert len(messages) == 1
    assert "It broke." in messages[0]


class Ticks:
    """An instance with one sensor and the ticks it had."""

    def __init__(self, *statuses: TickStatus) -> None:
        self.ticks = [Tick(number, status) for number, status in enumerate(statuses)]

    def all_instigator_state(self) -> list[object]:
        return [State()]

    def get_ticks(self, *_: object, limit: int, statuses: list[TickStatus], after: float | None = None) -> list[Tick]:
        since = -1.0 if after is None else after - NOON.timestamp()
        return [tick for tick in self.ticks[::-1] if tick.status in statuses and tick.tick_id > since][:limit]


class State:
    instigator_origin_id = "origin"
    selector_id = "selector"
    instigator_name = "poll_training_jobs"
    instigator_type = InstigatorType.SENSOR


class Tick:
    def __init__(self, tick_id: int, status: TickStatus) -> None:
        self.tick_id = tick_id
        self.status = status


BAD, GOOD, BUSY = TickStatus.FAILURE, TickStatus.SKIPPED, TickStatus.STARTED
#: One tick a second begins then.
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("statuses", "told", "key"),
    [
        ([GOOD, BAD, BAD], None, None),
        ([BAD, BAD, GOOD, BAD], None, None),
        ([BAD, BAD, BAD], None, "sensor:poll_training_jobs:0"),
        ([GOOD, BAD, BAD, BAD], None, "sensor:poll_training_jobs:1"),
        ([GOOD, BAD, BAD, BAD, BUSY], None, "sensor:poll_training_jobs:1"),
        ([GOOD, BAD, BAD, BAD, BAD], 3.5, None),
        # Dagster has forgotten the good one.
        ([BAD, BAD, BAD, BAD], 2.5, None),
        ([GOOD, BAD, BAD, BAD, GOOD, BAD, BAD, BAD], 3.5, "sensor:poll_training_jobs:5"),
        ([BAD, BAD, BAD, GOOD, BAD, BAD, BAD], 2.5, "sensor:poll_training_jobs:4"),
    ],
)
def test_a_sensor_that_fails_and_fails_is_one_cause(
    statuses: list[TickStatus], told: float | None, key: str | None
) -> None:
    def told_then(beginning: str) -> datetime | None:
        assert beginning == "sensor:poll_training_jobs:"
        return None if told is None else NOON + timedelta(seconds=told)

    found = list(failing(Ticks(*statuses), LINKS, told_then))  # type: ignore[arg-type]
    assert [alert.key for alert in found] == ([key] if key else [])
    for alert in found:
        assert f"failed at least {FAILURES_IN_A_ROW} times in a row" in alert.message
        assert alert.links == {"sensor": "http://dagster/locations/training_pipeline/sensors/poll_training_jobs"}


def test_when_a_row_was_told_is_found_by_the_name_of_its_sensor(services: Services) -> None:
    assert told_at(services.store, "sensor:poll_training_jobs:") is None
    notice(services.store, Alert(key="sensor:poll_training_jobs:7", kind=Kind.FAILING, message="It fails."))
    assert told_at(services.store, "sensor:poll_training_jobs:") is not None
    assert told_at(services.store, "sensor:poll_training%jobs:") is None


def test_a_failed_look_at_the_sheets_is_told(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    (services.settings.sheets / "broken.yaml").write_text(
        "name: Broken\nstatus: approved\nmetadata: {retraining: 3}\nsource_sheet: {id: a}\nprompt_template: {id: b}\n"
    )
    (services.settings.sheets / "broken.jsonl").write_text("")
    config = {"ops": {"check_sheets": {"config": {"requested_by": "clock"}}}}
    job = definitions.resolve_job_def("retrain_changed_sheets")
    assert not job.execute_in_process(instance=instance, run_config=config, raise_on_error=False).success
    assert "1 new alerts" in told(services, instance)
    assert "0 new alerts" in told(services, instance)
