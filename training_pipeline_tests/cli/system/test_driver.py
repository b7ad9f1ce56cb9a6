from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from training_pipeline.app.container import Services, assemble
from training_pipeline.backends.local.run_directory import RunDirectory
from training_pipeline.backends.run_state import RunState
from training_pipeline.cli.system import driver
from training_pipeline.defs import plots
from training_pipeline.domain.job import JobStatus
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import accepted
from training_pipeline.testing.jobs.jobs import ScriptedBackend
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet


@pytest.fixture
def backend() -> ScriptedBackend:
    return ScriptedBackend()


@pytest.fixture
def services(settings: Settings, database: Database, backend: ScriptedBackend) -> Iterator[Services]:
    write_sheet(settings.sheets, "small", rows(40))
    settings.runs.mkdir()
    parts = assemble(settings, database, backend=backend)
    yield parts
    parts.store.engine.dispose()


def test_a_job_is_looked_at_when_its_run_tells_and_finished_when_that_has_ended(
    services: Services, backend: ScriptedBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for anything but the run's news waits until the test is given up."""
    job = services.jobs.create({"training_sheet_id": "small", "model_name": "triage"}, created_by="ada")
    imported: list[JobStatus] = []
    monkeypatch.setattr(driver, "LOOK_SECONDS", 3600.0)
    monkeypatch.setattr(plots, "imported", lambda: imported.append(services.store.get(job.id).status))
    accepted(services, backend, job.id, JobStatus.QUEUED)
    run = RunDirectory(services.settings.runs / f"{job.id}-1")
    with dg.DagsterInstance.ephemeral() as instance:
        seen = driver.driven(services, instance, job.id)
        assert next(seen).status is JobStatus.QUEUED
        for step in (1, 2):
            backend.state = RunState(status=JobStatus.RUNNING, step=step, planned_steps=3)
            run.tell()
            assert next(seen).progress.current_step == step
        assert imported == [JobStatus.RUNNING], "once, while the job trains"
        backend.state = RunState(status=JobStatus.SUCCEEDED, step=3, planned_steps=3)
        run.tell()
        assert next(seen).is_trained
        assert next(seen).finalize.attempt == 1
    assert imported == [JobStatus.RUNNING]
