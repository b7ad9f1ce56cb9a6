"""Whole jobs on Databricks: a real training, and launches that are killed at the worst moments."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from training_pipeline.database import Database
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.settings import Settings
from training_pipeline.training_jobs import lineage, metrics
from training_pipeline.training_jobs.claims import Phase
from training_pipeline.training_jobs.services import Services
from training_pipeline.training_jobs.tables import training_job_events
from training_pipeline_tests.backends.databricks_stand_in import STAND_IN_WORKER, runs_of, workspace_with_volume
from training_pipeline_tests.databricks_drive import drive, services_for
from training_pipeline_tests.databricks_workspace.faults import FaultKind
from training_pipeline_tests.databricks_workspace.mlflow import MlflowServer
from training_pipeline_tests.databricks_workspace.models import registry
from training_pipeline_tests.databricks_workspace.state import Workspace
from training_pipeline_tests.polling import until
from training_pipeline_tests.small_sheet import rows, write_sheet

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def workspace(tmp_path: Path, mlflow_server: MlflowServer) -> Iterator[Workspace]:
    with workspace_with_volume(tmp_path / "workspace", mlflow_server) as served:
        yield served


def job_of(services: Services, **config: object) -> TrainingJob:
    request = {"training_sheet_id": "small", "model_name": "triage", "base_model": "builtin:tiny"}
    return services.jobs.create({**request, "training_config": config}, created_by="ada")


@pytest.mark.filterwarnings("ignore:.*ype hint")  # MLflow 3.17 warns of its own hints where it is imported
def test_a_real_training_ends_as_a_registered_version_that_answers(
    settings: Settings, database: Database, workspace: Workspace
) -> None:
    write_sheet(settings.sheets, "small", rows(20))
    services = services_for(settings, database, url=workspace.url)
    job = drive(services, job_of(services, epochs=2, exact_match_questions=2).id, seconds=500)
    (run,) = runs_of(workspace)
    assert run.worker is not None
    assert job.status is JobStatus.SUCCEEDED, (job.error_message, run.worker.log.read_text()[-2000:])
    assert (job.uc_catalog, job.uc_schema) == ("main", "ml")
    assert (job.uc_model_name, job.uc_model_version) == ("main.ml.triage", "1")
    assert job.mlflow_run_id == run.mlflow["mlflow_run_id"]
    (version,) = registry(workspace).models["main.ml.triage"]
    assert version.status == "READY"
    assert version.tags["training_pipeline.job_id"] == job.id
    frame = metrics.series(services.store, job.id)
    assert frame["train_loss"].notna().sum() >= 2
    assert frame["val_loss"].notna().sum() >= 2
    assert frame["epoch"].notna().all()
    record = lineage.read(services.store, job.id)
    assert record.model_version == "1"
    files = workspace.path("/Models/main/ml/triage/1/artifacts/model")
    assert (files / "model.safetensors").is_file()
    import mlflow.pyfunc

    loaded = mlflow.pyfunc.load_model(str(workspace.path("/Models/main/ml/triage/1")))
    asked = [{"role": "user", "content": "Which queue takes invoice 3?"}]
    (answer,) = loaded.predict(pd.DataFrame({"messages": [asked]}), params={"max_new_tokens": 4})
    assert isinstance(answer, str)


@contextmanager
def killed_launch(
    settings: Settings, database_url: SecretStr, workspace: Workspace, job_id: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that launches the job, and that is killed at the latest when the block ends."""
    told = {
        "state_dir": str(settings.state_dir),
        "sheets_dir": str(settings.sheets),
        "database_url": database_url.get_secret_value(),
        "url": workspace.url,
        "job_id": job_id,
    }
    command = [sys.executable, "-m", "training_pipeline_tests.databricks_drive", json.dumps(told)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[1])
    try:
        yield process
        assert process.poll() in {None, -signal.SIGKILL}, "it was to be killed"
    finally:
        process.kill()
        process.wait()


@contextmanager
def held_events(database: Database) -> Iterator[Callable[[], bool]]:
    """Nobody can write an event while this lasts; yields whether somebody waits to."""
    table = training_job_events.name
    engine = database.engine()
    with engine.connect() as connection, connection.begin():
        connection.execute(text(f"LOCK TABLE {table} IN SHARE MODE"))

        def waiting() -> bool:
            query = f"SELECT count(*) FROM pg_locks WHERE relation = '{table}'::regclass AND NOT granted"
            return bool(connection.execute(text(query)).scalar())

        yield waiting
    engine.dispose()


@pytest.mark.parametrize("moment", ["before the reply", "before the handle is stored"])
def test_a_launch_that_is_killed_around_the_submit_leaves_one_run(
    settings: Settings, database_url: SecretStr, database: Database, workspace: Workspace, moment: str
) -> None:
    write_sheet(settings.sheets, "small", rows(12))
    services = services_for(settings, database, url=workspace.url, program=STAND_IN_WORKER)
    job = job_of(services)
    if moment == "before the reply":
        workspace.faults.arm("jobs/runs/submit", FaultKind.NO_REPLY)
        with killed_launch(settings, database_url, workspace, job.id):
            until(lambda: runs_of(workspace), seconds=200, what="the submit")
    else:
        workspace.faults.slow_seconds = 5.0
        workspace.faults.arm("jobs/runs/submit", FaultKind.SLOW_REPLY)
        with killed_launch(settings, database_url, workspace, job.id) as launch:
            until(lambda: runs_of(workspace), seconds=200, what="the submit")
            with held_events(database) as waiting:
                until(waiting, seconds=60, what="the handle")
                launch.kill()  # before the table is let go of, or it might store the handle
                launch.wait()
    stored = services.store.get(job.id)
    assert (stored.status, stored.backend_run_id) == (JobStatus.PENDING, None)
    assert stored.submit_intended_at is not None
    services.failures.interrupted(Phase.LAUNCH, job.id, 1, why="it was killed")
    ended = drive(services, job.id)
    assert ended.status is JobStatus.SUCCEEDED, ended.error_message
    assert ended.launch_attempt == 2
    (run,) = runs_of(workspace)
    assert ended.backend_run_id == str(run.run_id)
