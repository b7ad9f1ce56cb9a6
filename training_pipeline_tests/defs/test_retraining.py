"""One look at all training sheets, as the schedule's run does it: who is due, why, and what is created, once a tick."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import dagster as dg
import pytest
from sqlalchemy import select

from training_pipeline.alerts.tables import alerts
from training_pipeline.app.container import Services
from training_pipeline.defs.retraining import make_schedule, retrain_changed_sheets
from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.domain.refs import required
from training_pipeline.retraining.retrain import SheetCheck
from training_pipeline.settings import Settings
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.dagster_runs import create, finish, launch
from training_pipeline.training_jobs.lifecycle.service import JobService
from training_pipeline_tests.defs.test_assets import failure
from training_pipeline_tests.defs.test_launchpad import run_by

RULE = {"model_name": "triage", "training_config": {"epochs": 1}, "min_changed_pairs": 3, "min_days": 7}
LATER = timedelta(days=8)


def sheet(services: Services, pairs: list[dict[str, Any]], rule: Any = RULE, **head: Any) -> None:
    metadata = {} if rule is None else {"retraining": rule}
    write_sheet(services.settings.sheets, "small", pairs, metadata=metadata, **head)


@pytest.fixture
def trained(services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance) -> TrainingJob:
    """A job that succeeded on the sheet as it is at first."""
    sheet(services, rows(40))
    job = create(services)
    assert launch(services, definitions, instance, job).success
    assert finish(services, definitions, instance, job).success
    return services.store.get(job.id)


def look(services: Services, tick: str = "t1", *, of: str = "small", **arguments: Any) -> SheetCheck:
    """What came of a sheet, eight days later."""
    known = {"now": datetime.now(UTC) + LATER, "requested_by": "clock", **arguments}
    return next(one for one in services.retrainer.check_sheets(tick=tick, **known) if one.training_sheet_id == of)


def test_a_changed_sheet_is_retrained_once_a_tick_with_its_numbers(services: Services, trained: TrainingJob) -> None:
    pairs = rows(43)
    del pairs[0]
    pairs[1]["prohibited_uses"] = ["training"]
    sheet(services, pairs)
    first = look(services)
    assert first.created is not None
    assert first.why == "3 added, 1 removed, 1 newly prohibited: 5 changed, 3 required"
    job = services.store.get(first.created)
    assert (job.created_by, job.request.model_name, job.request.training_config["epochs"]) == ("clock", "triage", 1)
    assert job.request.requested_config == {"epochs": 1}
    told = [event.message for event in services.store.events(job.id)[0]]
    assert f"Retraining: {first.why}." in told
    again = look(services)
    assert (again.created, again.due) == (None, False)
    assert again.why == f"training job {job.id} is pending"
    services.jobs.cancel(job.id, actor="ada", reason="test")
    impatient = {**RULE, "min_days": 0}
    sheet(services, pairs, impatient)
    assert look(services).created == job.id, "the same tick has its job already"
    assert look(services, "t2").created not in {None, job.id}
    assert services.jobs.list()[1] == 3


def test_two_looks_at_the_same_time_create_one_job(services: Services) -> None:
    sheet(services, rows(40))
    decided = threading.Barrier(2, timeout=60)

    class Both:
        """Lets nobody create a job before both have decided."""

        def create(self, *given: Any, **named: Any) -> TrainingJob:
            decided.wait()
            return services.jobs.create(*given, **named)

    retrainer = replace(services.retrainer, jobs=cast("JobService", Both()))
    with ThreadPoolExecutor(2) as threads:
        looks = list(threads.map(lambda tick: retrainer.check_sheets(tick=tick, requested_by="clock"), ("t1", "t2")))
    found = [one for look in looks for one in look if one.training_sheet_id == "small"]
    (made,) = [one.created for one in found if one.created is not None]
    (other,) = [one for one in found if one.created is None]
    assert (other.due, other.failed, other.why) == (False, False, f"training job {made} is pending meanwhile")
    assert services.jobs.list()[1] == 1


def test_a_job_that_was_created_while_a_sheet_was_judged_is_the_only_one(services: Services) -> None:
    sheet(services, rows(40))
    overtaking: list[TrainingJob] = []

    class Slow:
        def create(self, *given: Any, **named: Any) -> TrainingJob:
            overtaking.append(create(services))
            return services.jobs.create(*given, **named)

    retrainer = replace(services.retrainer, jobs=cast("JobService", Slow()))
    looked = retrainer.check_sheets(tick="t1", requested_by="clock")
    (found,) = [one for one in looked if one.training_sheet_id == "small"]
    assert (found.created, found.why) == (None, f"training job {overtaking[0].id} is pending meanwhile")
    assert services.jobs.list()[1] == 1
    services.jobs.cancel(overtaking[0].id, actor="ada", reason="test")
    assert look(services).created is not None, "the tick has not been used up"


def test_an_unchanged_sheet_is_not_and_one_that_is_too_young_waits(services: Services, trained: TrainingJob) -> None:
    assert look(services).why == "0 added, 0 removed, 0 newly prohibited: 0 changed, 3 required"
    sheet(services, rows(60))
    young = look(services, now=datetime.now(UTC))
    assert not young.due
    assert "0.0 days old, and the rule requires 7 days (20 added" in young.why
    assert services.jobs.list()[1] == 1


def test_a_lost_permission_is_told_once_even_where_nothing_is_due(services: Services, trained: TrainingJob) -> None:
    pairs = rows(40)
    pairs[4]["prohibited_uses"] = ["training"]
    sheet(services, pairs, rule=None)
    for tick in ("t1", "t2"):
        found = look(services, tick)
        assert not found.due
        assert "not opted in" in found.why
        assert len(found.warnings) == 1
        assert f"Model triage version 1 (training job {trained.id}) was trained on 1 pair" in found.warnings[0]
        assert "p-0004" in found.warnings[0]
        assert "Which queue" not in found.warnings[0]
    with services.store.begin() as connection:
        kinds = connection.execute(select(alerts.c.kind)).scalars().all()
    assert kinds == ["permission_lost"]
    told = [event.message for event in services.store.events(trained.id)[0] if "Warning" in event.message]
    assert len(told) == 1


def test_a_sheet_that_cannot_be_looked_at_stops_no_other(services: Services) -> None:
    sheet(services, rows(40))
    write_sheet(services.settings.sheets, "another", rows(40), metadata={"retraining": {"min_days": -1}})
    (services.settings.sheets / "zeta.yaml").write_text((services.settings.sheets / "small.yaml").read_text())
    (services.settings.sheets / "zeta.jsonl").write_text('{"pair_id": "p-1", "text of a pair":\n')
    looks = {one.training_sheet_id: one for one in services.retrainer.check_sheets(tick="t1", requested_by="clock")}
    assert looks["small"].created is not None
    assert looks["small"].why == "no training job has succeeded yet"
    assert looks["another"].failed
    assert "/min_days" in looks["another"].why
    assert "/model_name" in looks["another"].why
    assert looks["zeta"].failed
    assert "text of a pair" not in looks["zeta"].why
    assert "not opted in" in looks["sheet-123"].why


@pytest.mark.parametrize("damage", [b"no Parquet", None], ids=["damaged", "lost"])
def test_a_manifest_that_cannot_be_read_stops_no_other_sheet(
    services: Services, trained: TrainingJob, damage: bytes | None
) -> None:
    manifest = required(trained.data.dataset, "dataset").manifest_file
    manifest.chmod(0o600)
    manifest.unlink()
    if damage is not None:
        manifest.write_bytes(damage)
    sheet(services, rows(43))
    write_sheet(services.settings.sheets, "zebra", rows(40))
    small, zebra = look(services), look(services, of="zebra")
    assert (small.failed, small.created, str(manifest) in small.why) == (True, None, True)
    assert (zebra.failed, "not opted in" in zebra.why) == (False, True)
    sheet(services, rows(43), {**RULE, "model_name": "another"})
    other = look(services, "t2")
    assert other.created is not None, "the manifest is of another model"
    assert str(manifest) in other.warnings[0]


def test_whatever_goes_wrong_in_one_sheet_stops_no_other(
    services: Services, trained: TrainingJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("training_pipeline.retraining.retrain.changes", fail)
    write_sheet(services.settings.sheets, "zebra", rows(40))
    small, zebra = look(services), look(services, of="zebra")
    assert (small.failed, small.why) == (True, "RuntimeError; see the log")
    assert not zebra.failed


def test_a_dry_run_creates_and_remembers_nothing(services: Services, trained: TrainingJob) -> None:
    pairs = rows(40)
    for row in pairs[:5]:
        row["prohibited_uses"] = ["training"]
    sheet(services, pairs)
    found = look(services, create=False)
    assert (found.due, found.created, len(found.warnings)) == (True, None, 1)
    assert services.jobs.list()[1] == 1
    with services.store.begin() as connection:
        assert connection.execute(select(alerts)).all() == []


def test_a_sheet_that_is_gone_is_named(services: Services, trained: TrainingJob) -> None:
    for suffix in ("yaml", "jsonl"):
        (services.settings.sheets / f"small.{suffix}").unlink()
    found = look(services)
    assert "it is gone" in found.why
    assert not found.failed


def test_the_run_reports_every_sheet_and_is_red_where_one_could_not_be_looked_at(
    services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    sheet(services, rows(40))
    job = definitions.resolve_job_def("retrain_changed_sheets")
    config = {"ops": {"check_sheets": {"config": {"requested_by": "ada", "dry_run": True}}}}
    done = job.execute_in_process(instance=instance, run_config=config)
    shown = next(event for event in done.all_events if event.is_successful_output).step_output_data.metadata
    assert shown["checked"].value == 2
    assert "| small | due | no training job has succeeded yet |" in str(shown["sheets"].value)
    sheet(services, rows(40), rule={"weekly": True})
    red = job.execute_in_process(instance=instance, run_config=config, raise_on_error=False)
    assert not red.success
    failed = next(event for event in red.all_events if event.is_step_failure).step_failure_data
    assert failed.user_failure_data is not None
    assert "1 of 2 training sheets could not be checked: small" in (failed.user_failure_data.description or "")
    assert services.store.list()[1] == 0


def test_viewers_retrain_nothing(services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
    sheet(services, rows(40))
    viewer = Caller("eve", Role.VIEWER, "t1")
    assert "requires the role operator" in failure(
        run_by(viewer, definitions, instance, "retrain_changed_sheets", "check_sheets", tick="t1")
    )
    assert services.store.list()[1] == 0


def test_a_tick_only_launches_a_run_that_is_named_after_it(settings: Settings, instance: dg.DagsterInstance) -> None:
    chosen = settings.model_copy(update={"retrain_cron": "30 5 * * 2", "retrain_timezone": "Europe/Zurich"})
    schedule = make_schedule(chosen)
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 5 * * 2", "Europe/Zurich")
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert schedule.job_name == retrain_changed_sheets.name
    with dg.build_schedule_context(
        instance=instance, scheduled_execution_time=datetime(2026, 11, 24, 4, 30, tzinfo=UTC)
    ) as context:
        data = schedule.evaluate_tick(context)
    assert data.run_requests is not None
    (request,) = data.run_requests
    assert request.run_key == "2026-11-24T04:30:00+00:00"
    assert request.run_config["ops"]["check_sheets"]["config"]["tick"] == request.run_key


def test_only_jobs_that_are_over_count_as_a_models_past(services: Services) -> None:
    sheet(services, rows(40))
    job = create(services)
    assert look(services).why == f"training job {job.id} is pending"
    services.store.change(job, JobStatus.FAILED, message="Failed.")
    assert look(services).created is not None
