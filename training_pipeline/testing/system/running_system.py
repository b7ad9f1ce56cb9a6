"""The real system, started with `training-pipeline up` on a state directory of its own, by default with stand-ins as
trainers."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
from sqlalchemy import text

from training_pipeline.app.container import Services
from training_pipeline.app.everything import open_everything
from training_pipeline.cli.system import supervise, up_record
from training_pipeline.cli.system.environment import prepare_environment
from training_pipeline.defs.provenance import asset_records
from training_pipeline.domain.job import TERMINAL, JobStatus, TrainingJob
from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
from training_pipeline.settings import Settings
from training_pipeline.settings.prefix import PREFIX
from training_pipeline.testing.jobs.job_changes import JobChanges
from training_pipeline.testing.polling import until
from training_pipeline.testing.servers.postgres import copy_of, reachable_directory
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.warm_python import COLD, WarmProcess, WarmPython
from training_pipeline.testing.trainers.local_backend import reap, stand_in_program, starts
from training_pipeline.tracking.mlflow import Tracking
from training_pipeline.training_jobs.store import lineage, metrics
from training_pipeline.training_jobs.store.tables import training_job_events

#: How long a change of a job that is not announced, such as that it is finalized, may go unseen.
UNANNOUNCED_SECONDS = 0.25
ASSETS = (
    "source_sheet",
    "prompt_template",
    "canonical_labels",
    "training_sheet",
    "governed_pairs",
    "train_split",
    "validation_split",
    "fine_tuning_run",
    "training_metrics",
    "fine_tuned_model",
)


@contextmanager
def temporary_state(prepared: EmbeddedPostgres | None = None) -> Iterator[Path]:
    """Where a system may keep its state; what it sets in the environment is undone when the block ends.

    With a copy of the prepared server's data in it, if one is given, else empty: the system makes its database itself.
    """
    with mock.patch.dict(os.environ), reachable_directory() as directory:
        state = directory / "state"
        if prepared is not None:
            state.mkdir(mode=0o711)
            copy_of(prepared, state / "postgres")
        yield state


class RunningSystem:
    """`up` can be started, interrupted, killed and started again; jobs are created and looked at from outside."""

    def __init__(
        self,
        state_dir: Path,
        output: Path,
        *,
        python: WarmPython = COLD,
        real_trainer: bool = False,
        settings: Mapping[str, Any] | None = None,
        **behaviour: Any,
    ) -> None:
        """`python` starts `up`; `settings` add to those that make it quick; `behaviour` is that of the stand-ins."""
        with socket.create_server(("127.0.0.1", 0)) as free, socket.create_server(("127.0.0.1", 0)) as other:
            port, api_port = free.getsockname()[1], other.getsockname()[1]
        values = {
            "state_dir": state_dir,
            "webserver_port": port,
            "api_port": api_port,
            "run_grace_seconds": 3,
            "local_slots": 4,
            **({} if real_trainer else {"local_trainer": shlex.join(stand_in_program(**behaviour))}),
            **(settings or {}),
        }
        named = {f"{PREFIX}{name.upper()}": str(value) for name, value in values.items()}
        self.environment = {**os.environ, "COLUMNS": "200", **named}
        self.port = port
        self.output = output
        self.settings = Settings(**values)
        os.environ.update(prepare_environment(self.settings))
        write_sheet(self.settings.sheets, "small", rows(40))
        self.services: Services = open_everything(self.settings)
        self.instance = dg.DagsterInstance.from_config(str(self.settings.dagster_home))
        self.process: WarmProcess | None = None
        self._python = python
        self.changes = JobChanges(self.services.database)

    def up(self, *, seconds: float = 120) -> None:
        """Start it and wait until it is up."""
        process = self._python.command_line("up", environment=self.environment, log=self.output)
        until(lambda: "is up" in self.output.read_text() or process.poll() is not None, seconds=seconds, what="up")
        assert process.poll() is None, self.output.read_text()
        self.process = process

    def interrupt(self) -> None:
        """Ctrl-C, and wait for its end."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGINT)
        assert self.process.wait(timeout=90) == 0, self.output.read_text()

    def kill(self) -> None:
        """Kill `up` and the whole process group of each of its children, in which the run workers are."""
        assert self.process is not None
        record = up_record.read_record(self.settings)
        assert record is not None
        self.process.kill()
        for child in record.children:
            with suppress(ProcessLookupError):  # it was dead already
                os.killpg(child.process.pid, signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        """End everything, PostgreSQL too."""
        supervise.down(self.settings)
        if self.process is not None:
            self.process.wait(timeout=60)
        reap(self.settings.runs)
        self.changes.close()
        self.services.store.engine.dispose()
        self.instance.dispose()

    @property
    def tracking(self) -> Tracking:
        """The MLflow of the installation."""
        assert isinstance(self.services.tracking, Tracking)
        return self.services.tracking

    def create(self) -> TrainingJob:
        """A new training job on the small sheet."""
        return self.services.jobs.create({"training_sheet_id": "small", "model_name": "triage"}, created_by="ada")

    def job(self, job_id: str) -> TrainingJob:
        """The job as it is now."""
        return self.services.store.get(job_id)

    def until(
        self, job_id: str, condition: Callable[[TrainingJob], Any], what: str, seconds: float = 240
    ) -> TrainingJob:
        """The job once it fulfils the condition; fails if it ends in another way than it should."""

        def look() -> bool:
            job = self.job(job_id)
            if job.status in TERMINAL - {JobStatus.SUCCEEDED}:
                raise AssertionError(f"{job_id} is {job.status}: {job.error_message}\n{self.story(job_id)}")
            return bool(condition(job))

        until(look, seconds=seconds, what=f"{what} of {job_id}", pause=lambda: self.changes.wait(UNANNOUNCED_SECONDS))
        return self.job(job_id)

    def release(self, job_id: str) -> None:
        """Let the stand-in go on to its end, once it runs, that `hold_after_step` holds."""
        self.until(job_id, lambda job: job.started_at is not None, "the training")
        (self.services.backend._runs.of(job_id, 1).path / "stand_in_go").touch()  # type: ignore[attr-defined]

    def story(self, job_id: str) -> str:
        """The job's events, for the message of a failed test."""
        return "\n".join(event.message for event in self.services.store.events(job_id, newest_first=False)[0])

    def worker(self, run_id: str | None) -> int:
        """The process id of the worker of a Dagster run."""
        assert run_id is not None
        messages = [entry.user_message or "" for entry in self.instance.all_logs(run_id)]
        messages += [
            entry.dagster_event.message or "" for entry in self.instance.all_logs(run_id) if entry.dagster_event
        ]
        found = [match for match in (re.search(r"process for run \(pid: (\d+)\)", one) for one in messages) if match]
        assert found, messages
        return int(found[-1].group(1))

    @contextmanager
    def held_events(self) -> Iterator[Callable[[], bool]]:
        """Whoever writes an event of a job waits, with everything else of its transaction, until the block ends.

        Yields whether somebody waits.
        """
        table = training_job_events.name
        waiting = text(f"SELECT count(*) FROM pg_locks WHERE relation = '{table}'::regclass AND NOT granted")
        engine = self.services.database.engine(pooled=False)
        with engine.begin() as connection:
            connection.execute(text(f"LOCK TABLE {table} IN SHARE MODE"))
            yield lambda: bool(connection.execute(waiting).scalar())

    def assert_succeeded_once(self, job_id: str, *, trainer_starts: int | None = 1) -> None:
        """Released, it succeeds: submitted once, one model version, and the lineage that Dagster's event log tells."""
        self.release(job_id)
        job = self.until(job_id, lambda job: job.finalize.done_at is not None, "the success", seconds=240)
        assert job.status is JobStatus.SUCCEEDED, self.story(job_id)
        run = self.services.backend._runs.of(job.id, job.attempt)  # type: ignore[attr-defined]
        begun = starts(run)
        assert not (run.path / "stand_in_overlap").exists()
        if trainer_starts is not None:
            assert len(begun) == trainer_starts, begun
        self.assert_on_record(job_id)
        client = self.tracking.client
        every_step = list(range(1, (job.progress.planned_steps or 0) + 1))
        assert metrics.series(self.services.store, job_id)["step"].tolist() == every_step
        assert job.handles.mlflow_run_id is not None
        mirrored = [point.step for point in client.get_metric_history(job.handles.mlflow_run_id, "train_loss")]
        assert mirrored == every_step
        versions = client.search_model_versions(f"run_id = '{job.handles.mlflow_run_id}'")
        assert [str(version.version) for version in versions] == [job.result.uc_model_version]

    def assert_on_record(self, job_id: str) -> None:
        """Its lineage is what Dagster's event log says, and it went through its life once."""
        keys = [dg.AssetKey(name) for name in ASSETS]
        record = lineage.read(self.services.store, job_id)
        assert record.assets == asset_records(self.instance, keys, job_id)
        assert set(record.assets) == set(ASSETS)
        told = [event.new_status for event in self.services.store.events(job_id, newest_first=False)[0]]
        assert [status for status in told if status] == ["pending", "queued", "running", "succeeded"]
