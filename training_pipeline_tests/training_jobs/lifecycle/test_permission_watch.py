"""Permission is asked when it counts: while a job waits, when it begins, while it trains, and before its model is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import select

from training_pipeline.alerts import messages
from training_pipeline.alerts.messages import Kind
from training_pipeline.alerts.tables import alerts as alerts_table
from training_pipeline.app.container import Services
from training_pipeline.definitions import build
from training_pipeline.domain.errors import GateRefused, Unavailable
from training_pipeline.domain.job import TERMINAL, JobStatus, Phase, TrainingJob
from training_pipeline.domain.lineage import BaseModelRecord
from training_pipeline.domain.refs import required
from training_pipeline.domain.revocations import Revoked
from training_pipeline.infra.database import Database
from training_pipeline.models.revocations.taints import taints_of
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import prepared
from training_pipeline.testing.polling import until
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.dagster_runs import create, execute, finish, launch
from training_pipeline.testing.system.installation import stand_in_services
from training_pipeline.testing.trainers.local_backend import starts
from training_pipeline.training_jobs.lifecycle.ancestors import with_ancestors
from training_pipeline.training_jobs.lifecycle.claims import claim
from training_pipeline.training_jobs.store import lineage

NEVER = timedelta(days=1)
LONG_AGO = datetime.now(UTC) - timedelta(hours=1)
Change = Callable[[list[dict[str, Any]]], object]


class System:
    """Services with stand-in trainers, and Dagster's runs in this process."""

    def __init__(self, services: Services, instance: dg.DagsterInstance) -> None:
        self.services = services
        self.instance = instance
        self.definitions = build(services.settings, lambda: services)

    def queued(self, *, in_dagster: bool = False) -> TrainingJob:
        """A job that was submitted and has not been polled: it may have its slot, and has not begun.

        A finish run that is to succeed needs what the launch run left in Dagster; the others go without.
        """
        job, launcher = create(self.services), self.services.launcher
        if in_dagster:
            assert launch(self.services, self.definitions, self.instance, job).success
        else:
            claim(self.services.store, Phase.LAUNCH, job_id=job.id)
            job = prepared(self.services, job.id)
            launcher.submit(job, required(job.data.dataset, "dataset"))
            launcher.launched(job.id)
        return self.services.store.get(job.id)

    def polled(self, job: TrainingJob, *statuses: JobStatus) -> TrainingJob:
        """The job, polled until it has one of the statuses."""

        def reached() -> bool:
            now = self.services.poller.poll(job.id)
            assert now.status in statuses or now.status not in TERMINAL, now.error_message
            return now.status in statuses

        until(reached, what=f"one of {statuses}")
        return self.services.store.get(job.id)

    def trained(self, *, in_dagster: bool = False) -> TrainingJob:
        """A job that its backend has trained to the end."""
        job = self.queued(in_dagster=in_dagster)

        def done() -> bool:
            return self.services.poller.poll(job.id).polling.backend_status is JobStatus.SUCCEEDED

        until(done, what="the end of the training")
        return self.services.store.get(job.id)

    def finished(self, job: TrainingJob) -> dg.ExecuteInProcessResult:
        """The finish run."""
        claimed = claim(self.services.store, Phase.FINALIZE, job_id=job.id)
        assert claimed
        return execute(self.definitions, self.instance, Phase.FINALIZE, claimed[0])

    def change(self, change: Change, **head: Any) -> None:
        """Write the sheet anew, with a change to its pairs."""
        pairs = rows(40)
        change(pairs)
        write_sheet(self.services.settings.sheets, "small", pairs, **head)

    def told(self, job: TrainingJob, *, kind: Kind | None = None) -> list[str]:
        """The alerts about the job."""
        query = select(alerts_table.c.kind, alerts_table.c.message).where(alerts_table.c.job_id == job.id)
        with self.services.store.begin() as connection:
            return [message for of, message in connection.execute(query) if kind in {None, of}]

    def happened(self, job: TrainingJob) -> str:
        """All events of the job."""
        return "\n".join(event.message for event in self.services.store.events(job.id)[0])


def prohibit(pairs: list[dict[str, Any]]) -> None:
    """What the case of this kind does: one pair may not be trained on any more."""
    pairs[3]["prohibited_uses"] = ["training"]


def raise_classification(pairs: list[dict[str, Any]]) -> None:
    pairs[3]["data_classification"] = "restricted"


def unchanged(pairs: list[dict[str, Any]]) -> None:
    pass


@contextmanager
def opened(settings: Settings, database: Database, **behaviour: Any) -> Iterator[System]:
    write_sheet(settings.sheets, "small", rows(40))
    with stand_in_services(settings, database, **behaviour) as services, dg.DagsterInstance.ephemeral() as instance:
        yield System(services, instance)


@pytest.fixture
def system(settings: Settings, database: Database) -> Iterator[System]:
    with opened(settings, database) as parts:
        yield parts


def details(job: TrainingJob) -> tuple[object, object]:
    found = job.error_details or {}
    return found.get("code"), found.get("pair_ids")


def tie_across(system: System, job: TrainingJob) -> tuple[Change, list[str]]:
    """A train and a validation pair of the job now share their item: the change, and their ids."""
    dataset = lineage.read(system.services.store, job.id).dataset_path
    firsts = [
        json.loads((Path(dataset) / name).read_text().splitlines()[0]) for name in ("train.jsonl", "validation.jsonl")
    ]
    numbers = [int(first["messages"][0]["content"].rstrip("?").split()[-1]) for first in firsts]

    def change(pairs: list[dict[str, Any]]) -> None:
        for number in numbers:
            pairs[number]["item_ref"] = "one item"

    return change, sorted(f"p-{number:04d}" for number in numbers)


# While a job is queued, and when its slot is given.


@pytest.mark.parametrize("asked_by", ["slot", "watch"])
def test_a_pair_prohibited_while_its_job_is_queued_fails_the_job_and_nothing_is_trained(
    system: System, asked_by: str
) -> None:
    job = system.queued()
    system.change(prohibit)
    if asked_by == "watch":
        assert system.services.permission_watch.check_due() == [job.id]
    now = system.polled(job, JobStatus.FAILED)
    assert details(now) == ("permission_withdrawn", ["p-0003"])
    assert "p-0003" in (now.error_message or "")
    assert now.started_at is None
    assert starts(system.services.backend._runs.of(job.id, 1)) == []  # type: ignore[attr-defined]
    red = system.finished(now)
    assert not red.success
    assert messages.of_job(now, system.services.retrainer.urls, now=now.created_at, pending=NEVER) is not None


def test_a_new_tie_across_the_split_fails_a_queued_job(system: System) -> None:
    job = system.queued()
    change, ids = tie_across(system, job)
    system.change(change)
    now = system.polled(job, JobStatus.FAILED)
    assert details(now) == ("permission_withdrawn", ids)
    assert (now.error_details or {})["findings"] == {"tied_across_the_split": 2}


def test_a_sheet_that_cannot_be_read_holds_the_job_until_it_can(system: System) -> None:
    job = system.queued()
    path = system.services.settings.sheets / "small.jsonl"
    good = path.read_bytes()
    path.write_bytes(good[:-10])

    def waits() -> bool:
        return system.services.poller.poll(job.id).polling.errors > 0

    until(waits, what="a poll that found no answer")
    assert "Training waits for an answer" in system.happened(job)
    assert system.services.permission_watch.check_due() == []
    assert system.services.store.get(job.id).status is JobStatus.QUEUED
    path.write_bytes(good)
    system.polled(job, JobStatus.RUNNING)


def test_a_harmless_change_lets_the_job_begin_and_it_succeeds(system: System) -> None:
    job = system.queued(in_dagster=True)
    system.change(lambda pairs: pairs.append({**rows(1)[0], "pair_id": "another", "item_ref": "another"}))
    assert finish(system.services, system.definitions, system.instance, job).success
    now = system.services.store.get(job.id)
    assert now.status is JobStatus.SUCCEEDED
    assert now.permission.asked_at is not None
    assert system.told(job) == []


# While it trains.


def test_a_training_is_asked_to_cancel(settings: Settings, database: Database) -> None:
    with opened(settings, database, hold_after_step=1) as system:
        job = system.polled(system.queued(), JobStatus.RUNNING)
        assert system.services.permission_watch.check_due() == []
        system.services.store.update(job.id, {"permission_asked_at": LONG_AGO})
        system.change(prohibit)
        assert system.services.permission_watch.check_due() == [job.id]
        asked = system.services.store.get(job.id)
        assert (asked.cancellation.requested_by, details(asked)[0]) == ("system", "permission_withdrawn")
        now = system.polled(job, JobStatus.CANCELLED)
        assert details(now) == ("permission_withdrawn", ["p-0003"])
        assert "p-0003" in (now.cancellation.reason or "")
        (told,) = system.told(job, kind=Kind.PERMISSION)
        assert "p-0003" in told


def test_a_change_that_leaves_size_and_time_as_they_were_is_seen(settings: Settings, database: Database) -> None:
    with opened(settings, database, hold_after_step=1) as system:
        path = settings.sheets / "small.jsonl"
        job = system.polled(system.queued(), JobStatus.RUNNING)
        system.services.permission_watch.check_due()
        system.services.store.update(job.id, {"permission_asked_at": LONG_AGO})
        before = path.stat()
        text = path.read_text()
        path.write_text(text.replace('"labeled"', '"flagged"', 1))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        after = path.stat()
        assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
        assert system.services.permission_watch.check_due() == [job.id]


def test_where_that_is_set_it_trains_on_with_one_warning_and_fails_at_finish(
    settings: Settings, database: Database
) -> None:
    on = settings.model_copy(update={"cancel_on_withdrawal": False, "permission_seconds": 0.001})
    with opened(on, database, hold_after_step=1) as system:
        job = system.polled(system.queued(), JobStatus.RUNNING)
        system.change(prohibit)
        for _ in range(2):
            assert system.services.permission_watch.check_due() == []
        assert system.services.store.get(job.id).cancellation.requested_at is None
        assert system.happened(job).count("It trains on") == 1
        assert len(system.told(job, kind=Kind.PERMISSION)) == 1
        (system.services.backend._runs.of(job.id, 1).path / "stand_in_go").touch()  # type: ignore[attr-defined]
        assert not finish(system.services, system.definitions, system.instance, job).success
        assert details(system.services.store.get(job.id))[0] == "permission_withdrawn"


# At finish.


def test_a_pair_prohibited_before_the_finish_leaves_the_model_as_an_artifact_that_nothing_registers(
    system: System,
) -> None:
    job = system.trained()
    system.change(prohibit)
    result = system.finished(job)
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert checks["still_permitted"] is False
    now = system.services.store.get(job.id)
    assert now.status is JobStatus.FAILED
    assert details(now) == ("permission_withdrawn", ["p-0003"])
    assert (now.result.uc_model_name, now.result.uc_model_version) == (None, None)
    tracking: Any = system.services.tracking
    assert list(tracking.client.search_registered_models()) == []
    assert tracking.tags(now.handles.mlflow_run_id)["training_pipeline.permission"] == "withdrawn"
    model = system.services.backend.result(job.id, 1)
    assert model.model_dir is not None
    assert (model.model_dir / "model.safetensors").is_file(), "it is kept"
    assert str(model.model_dir) in (now.error_message or "")
    assert claim(system.services.store, Phase.FINALIZE, job_id=job.id) == [], "nothing finishes it later"
    base = BaseModelRecord(reference=str(model.model_dir), files=model.model_files)
    with pytest.raises(GateRefused, match=job.id):
        with_ancestors(system.services.store, base, job_id="another")


def registered_and_died(system: System) -> TrainingJob:
    """A trained job whose finish run died between the registration of its version and the record of it."""
    job = system.trained()
    result = system.services.backend.result(job.id, 1)
    assert result.model_dir is not None
    assert job.handles.mlflow_run_id is not None
    for one in ("another", job.id):
        system.services.tracking.register(
            "triage", source=result.model_dir, run_id=job.handles.mlflow_run_id, job_id=one, tags={}, description=""
        )
    return job


def on_record(system: System, job: TrainingJob) -> tuple[str | None, str | None, str | None, list[str | None]]:
    now = system.services.store.get(job.id)
    with system.services.store.begin() as connection:
        tainted = [one.model_version for one in taints_of(connection, job_ids=[job.id])]
    record = lineage.read(system.services.store, job.id)
    return now.result.uc_model_name, now.result.uc_model_version, record.model_version, tainted


def revoke(system: System) -> None:
    asked = Revoked(kind="pair", value="p-0003", training_sheet_id="small")
    system.services.revocations.revoke(asked, reason="withdrawn", actor="grace")


def test_a_version_that_a_run_registered_before_it_died_is_on_record_and_tainted_when_permission_is_lost(
    system: System,
) -> None:
    job = registered_and_died(system)
    revoke(system)
    system.finished(job)
    assert details(system.services.store.get(job.id))[0] == "permission_withdrawn"
    assert on_record(system, job) == ("triage", "2", "2", ["2"])
    told = system.services.store.get(job.id).error_message or ""
    assert "registered as triage version 2" in told
    assert "registered nowhere" not in told


def test_a_version_that_the_watch_has_to_find_is_tainted_after_its_job_failed(system: System) -> None:
    job = registered_and_died(system)
    system.change(prohibit)
    system.finished(job)
    assert on_record(system, job) == ("triage", "2", "2", [])
    system.services.sheet_watch.look_due()
    assert on_record(system, job) == ("triage", "2", "2", ["2"])


def test_a_version_that_a_run_registered_before_it_died_is_on_record_and_tainted_when_the_job_is_cancelled(
    system: System,
) -> None:
    job = registered_and_died(system)
    revoke(system)
    system.services.jobs.cancel(job.id, actor="bob", reason="not needed")
    assert system.services.store.get(job.id).status is JobStatus.CANCELLED
    assert on_record(system, job) == ("triage", "2", "2", ["2"])
    assert "registered as triage version 2" in system.happened(job)


def test_a_job_is_not_cancelled_while_nobody_knows_whether_its_version_is_registered(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = registered_and_died(system)

    def away(*_: object, **__: object) -> None:
        raise ConnectionError("secret")

    monkeypatch.setattr(system.services.tracking, "registered_version", away)
    with pytest.raises(Unavailable, match=r"triage.*\(ConnectionError\)"):
        system.services.jobs.cancel(job.id, actor="bob", reason="not needed")
    assert system.services.store.get(job.id).is_trained


def test_a_new_tie_across_the_split_fails_the_finish(system: System) -> None:
    job = system.trained()
    change, ids = tie_across(system, job)
    system.change(change)
    system.finished(job)
    now = system.services.store.get(job.id)
    assert (now.status, details(now)) == (JobStatus.FAILED, ("permission_withdrawn", ids))


def test_a_raised_classification_is_a_warning_event_and_one_alert(system: System) -> None:
    job = system.trained(in_dagster=True)
    system.change(raise_classification)
    system.services.permission_watch.check_due()  # whoever asks first warns
    assert system.finished(job).success
    assert system.services.store.get(job.id).status is JobStatus.SUCCEEDED
    (told,) = system.told(job, kind=Kind.PERMISSION)
    assert "classified more strictly" in told
    assert "p-0003" in told
    assert system.happened(job).count("classified more strictly") == 1


def test_a_sheet_that_cannot_be_read_at_finish_is_asked_again_and_registers_nothing(system: System) -> None:
    job = system.trained(in_dagster=True)
    path = system.services.settings.sheets / "small.jsonl"
    good = path.read_bytes()
    path.write_bytes(good[:-10])
    assert not system.finished(job).success
    now = system.services.store.get(job.id)
    assert (now.status, now.finalize.claimed_at, now.result.uc_model_version) == (JobStatus.RUNNING, None, None)
    path.write_bytes(good)
    system.services.store.update(job.id, {"finalize_after": None})
    assert system.finished(job).success
    assert system.services.store.get(job.id).status is JobStatus.SUCCEEDED


# When it is asked.


def test_a_job_is_asked_about_at_most_every_so_often_and_what_is_unchanged_is_not_judged(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(settings, database, hold_after_step=1) as system:
        job = system.polled(system.queued(), JobStatus.RUNNING)
        watch, store = system.services.permission_watch, system.services.store
        store.update(job.id, {"permission_asked_at": None})
        system.change(unchanged, metadata={"note": "a change of the head alone"})
        watch.check_due()
        first = store.get(job.id).permission
        assert first.version is not None
        watch.check_due()
        assert store.get(job.id).permission == first, "it is not due"
        store.update(job.id, {"permission_asked_at": LONG_AGO})

        def judged(*_: object, **__: object) -> None:
            raise AssertionError("the same digest was judged again")

        monkeypatch.setattr("training_pipeline.datasets.compare.recheck", judged)
        watch.check_due()
        now = store.get(job.id).permission
        assert now.version == first.version
        assert now.asked_at is not None
        assert now.asked_at > LONG_AGO
