"""An installation of version 0.1.0 whose power was cut: it opens under this version, and its jobs finish."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from training_pipeline.backends.local.backend import LocalBackend
from training_pipeline.backends.local.run_directory import RunDirectory
from training_pipeline.cli.app import app, guarded
from training_pipeline.domain.job import JobStatus
from training_pipeline.infra.database import Database
from training_pipeline.testing.servers.postgres import reachable_directory
from training_pipeline.testing.system.running_system import RunningSystem, temporary_state
from training_pipeline.testing.system.stored_copy import CHECKOUT, StoredCopy
from training_pipeline.testing.system.warm_python import WarmPython
from training_pipeline.testing.trainers.local_backend import reap, starts
from training_pipeline.tracking.mlflow import Tracking
from training_pipeline.training_jobs.store import metrics

COPY = StoredCopy(Path(__file__).parent / "v0_1_0")


@pytest.fixture
def state() -> Iterator[Path]:
    """The state directory of the installation."""
    with reachable_directory() as directory:
        COPY.restore_state(directory / "state")
        yield directory / "state"
        reap(directory / "state" / "runs")


@pytest.fixture
def opened(state: Path, empty_database: Database, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state directory; the settings lead to it and to the restored database."""
    COPY.restore_database(empty_database, state)
    monkeypatch.setenv("TRAINING_PIPELINE_STATE_DIR", str(state))
    monkeypatch.setenv("TRAINING_PIPELINE_DATABASE_URL", empty_database.url("public"))
    monkeypatch.setenv("DAGSTER_HOME", str(state / "dagster"))
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", empty_database.url("dagster"))
    return state


def run_of(state: Path, what: str) -> RunDirectory:
    return RunDirectory(state / "runs" / f"{COPY.jobs[what]}-1")


def holds(told: Any, now: Any) -> bool:
    """Whether all that was told is told now; a later version may tell more."""
    if isinstance(told, dict) and isinstance(now, dict):
        return all(name in now and holds(value, now[name]) for name, value in told.items())
    if isinstance(told, list) and isinstance(now, list):
        return len(told) == len(now) and all(map(holds, told, now))
    return bool(told == now)


def in_todays_words(told: Any) -> Any:
    """An answer of then with the labels of links that are called otherwise now."""
    return json.loads(json.dumps(told).replace("Dagster finish run", "Dagster finalize run"))


def test_what_was_said_of_a_finished_job_is_said_of_it_still(opened: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked, answers = COPY.facts["asked"], COPY.facts["answers"]["succeeded"]
    assert set(answers) == {"show", "events", "metrics", "train", "validation", "excluded"}
    for what, told in answers.items():
        command = partial(app, [*asked[what], COPY.jobs["succeeded"], "--json"], prog_name="training-pipeline")
        code = guarded(command)
        shown = capsys.readouterr()
        assert not code, shown.err
        assert holds(COPY.with_paths(in_todays_words(told), opened), json.loads(shown.out)), (what, told, shown.out)


def test_the_storage_that_its_dagster_yaml_names_is_ours(opened: Path) -> None:
    named = yaml.safe_load((opened / "dagster" / "dagster.yaml").read_text())["storage"]["custom"]
    assert (named["module"], named["class"]) == ("training_pipeline.dagster_storage", "OurStorage")
    now = yaml.safe_load((CHECKOUT / "dagster.yaml").read_text())["storage"]["custom"]
    with dg.DagsterInstance.from_config(str(opened / "dagster")) as instance:
        assert type(instance.get_ref().storage) is getattr(importlib.import_module(now["module"]), now["class"])
        runs = instance.get_runs()
    assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.STARTED}
    assert {run.tags["training_pipeline/job_id"] for run in runs} == set(COPY.jobs.values()) - {COPY.jobs["pending"]}


def test_a_supervisor_that_is_called_by_its_old_name_takes_the_run_up(state: Path) -> None:
    run = run_of(state, "running")
    (run.path / "stand_in_go").touch()
    command = [sys.executable, "-m", "training_pipeline.backends.supervisor", str(run.path)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    outcome = run.outcome()
    assert outcome is not None
    assert outcome.status == "succeeded"
    assert [start["from_step"] for start in starts(run)] == [0, 3]


def test_its_run_directories_are_read(state: Path) -> None:
    backend = LocalBackend(state / "runs", slots=1, resumes=2, cancel_grace_seconds=5.0)
    succeeded = backend.status(COPY.jobs["succeeded"], 1)
    assert (succeeded.status, succeeded.step, succeeded.lost) == (JobStatus.SUCCEEDED, 6, False)
    assert backend.result(COPY.jobs["succeeded"], 1).model_dir == run_of(state, "succeeded").path / "model"
    running = backend.status(COPY.jobs["running"], 1)
    assert (running.step, running.planned_steps, running.lost) == (3, 6, True)
    points, _ = backend.metrics(COPY.jobs["running"], 1, 0)
    assert [point.step for point in points if point.name == "train_loss"] == [1, 2, 3]
    for what in ("queued", "submitted"):
        assert backend.status(COPY.jobs[what], 1).lost
    assert backend.find(COPY.jobs["pending"], 1) is None


def assert_trained_for_real(system: RunningSystem, job_id: str) -> None:
    """Trained by the real program, on the configuration that was written for it, with all that a model needs."""
    job = system.until(job_id, lambda job: job.finalize.done_at is not None, "the success", seconds=600)
    assert job.status is JobStatus.SUCCEEDED, system.story(job_id)
    assert starts(run_of(system.settings.state_dir, "queued")) == []
    assert job.progress.planned_steps is not None
    assert metrics.series(system.services.store, job_id)["step"].tolist()[-1] == job.progress.planned_steps
    system.assert_on_record(job_id)
    assert isinstance(system.services.tracking, Tracking)
    version = system.services.tracking.client.search_model_versions(f"run_id = '{job.handles.mlflow_run_id}'")
    assert [str(one.version) for one in version] == [job.result.uc_model_version] == ["1"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_what_it_had_begun_succeeds(empty_database: Database, tmp_path: Path, warm_python: WarmPython) -> None:
    with temporary_state() as state:
        COPY.restore_state(state)
        COPY.restore_database(empty_database, state)
        settings = {"database_url": empty_database.url("public"), "local_slots": 1}
        with closing(
            RunningSystem(state, tmp_path / "up.out", python=warm_python, settings=settings, steps=6)
        ) as system:
            finished = system.job(COPY.jobs["succeeded"])
            statuses = {what: system.job(job).status for what, job in COPY.jobs.items()}
            assert statuses == {
                "succeeded": "succeeded",
                "running": "running",
                "queued": "queued",
                "submitted": "pending",
                "pending": "pending",
            }
            system.up()
            # The running one, killed with its supervisor, is resumed; the others are started for the first time.
            for what, trainer_starts in {"running": 2, "submitted": 1, "pending": 1}.items():
                system.assert_succeeded_once(COPY.jobs[what], trainer_starts=trainer_starts)
            assert [start["from_step"] for start in starts(run_of(state, "running"))] == [0, 3]
            assert_trained_for_real(system, COPY.jobs["queued"])
            assert system.job(COPY.jobs["submitted"]).launch.attempt == 2
            assert system.job(COPY.jobs["succeeded"]) == finished
            system.assert_on_record(COPY.jobs["succeeded"])
            versions = {what: system.job(job).result.uc_model_version for what, job in COPY.jobs.items()}
            assert versions["succeeded"] == "1"
            assert sorted(str(versions[what]) for what in ("running", "submitted")) == ["2", "3"]  # of the same model
