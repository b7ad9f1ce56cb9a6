from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner, Result

from training_pipeline.cli.commands import databricks as command
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.infra.database import Database
from training_pipeline.testing.databricks.backend import VOLUME
from training_pipeline.testing.databricks_workspace.app import serve
from training_pipeline.testing.databricks_workspace.state import Workspace
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import training_jobs


@pytest.fixture
def workspace(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    with serve(tmp_path / "workspace") as served:
        served.path(f"/Volumes/{VOLUME.replace('.', '/')}").mkdir(parents=True)
        monkeypatch.setenv("TRAINING_PIPELINE_STATE_DIR", str(tmp_path / "state"))
        monkeypatch.setenv("TRAINING_PIPELINE_DATABASE_URL", database.url("public"))
        monkeypatch.setenv("TRAINING_PIPELINE_BACKEND", "databricks")
        monkeypatch.setenv("TRAINING_PIPELINE_DATABRICKS_VOLUME", VOLUME)
        monkeypatch.setenv("DATABRICKS_HOST", served.url)
        monkeypatch.setenv("DATABRICKS_TOKEN", next(iter(served.tokens)))
        monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "/nonexistent")
        monkeypatch.setenv("COLUMNS", "200")
        yield served


def run(*arguments: str) -> Result:
    done = CliRunner().invoke(command.app, arguments)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_a_workspace_that_has_everything_is_ready(workspace: Workspace) -> None:
    done = run("preflight")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "Ready.")
    assert "the default base model is qwen3-8b" in done.stdout


def test_what_is_missing_is_printed_and_is_the_exit_code(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with workspace.without(VOLUME, "WRITE VOLUME"):
        told, shown = run("preflight", "--json"), run("preflight")
    assert told.exit_code == shown.exit_code == 1
    checks = {check["name"]: check for check in json.loads(told.stdout)["checks"]}
    assert (checks["volume"]["state"], checks["credentials"]["state"]) == ("missing", "ok")
    assert "WRITE VOLUME" in checks["volume"]["remedy"]
    assert "WRITE VOLUME" in shown.stdout
    monkeypatch.delenv("TRAINING_PIPELINE_DATABRICKS_VOLUME")
    told = run("preflight", "--json")
    assert told.exit_code == 1
    assert [(check["name"], check["state"]) for check in json.loads(told.stdout)["checks"]] == [("settings", "missing")]


def test_the_volume_is_cleaned_up(workspace: Workspace, database: Database) -> None:
    store = JobStore(database.engine(pooled=False))
    job = store.create(new_job(), message="Created.")
    ended = {"status": "failed", "dataset_digest": "d1", "completed_at": datetime(2026, 1, 1, tzinfo=UTC)}
    with store.begin() as connection:
        connection.execute(update(training_jobs).where(training_jobs.c.id == job.id).values(ended))
    folder = workspace.path(f"/Volumes/{VOLUME.replace('.', '/')}/training_pipeline/datasets/d1")
    folder.mkdir(parents=True)
    with pytest.raises(InvalidRequest, match="No volume or retention period is set") as raised:
        run("clean")
    assert "--days" in raised.value.hint
    (said,) = json.loads(run("clean", "--days", "7", "--dry-run", "--json").stdout)["folders"]
    assert (said["name"], said["removed"], said["size"]) == ("d1", True, 0)
    assert folder.is_dir()
    assert "datasets/d1" in run("clean", "--days", "7").stdout
    assert not folder.exists()
    assert "no files of this project" in run("clean", "--days", "7").stdout
