"""The real system, started with `training-pipeline up` on a state directory of its own, with stand-in trainers."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

from training_pipeline.backends.run_directory import RunDirectory
from training_pipeline.cli import running_system
from training_pipeline.cli.environment import exported
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.job import TERMINAL, JobStatus, TrainingJob
from training_pipeline.embedded_postgres import EmbeddedPostgres
from training_pipeline.settings import Settings
from training_pipeline.training_jobs.services import Services, open_services
from training_pipeline_tests.backends.stand_in import reap, stand_in_program
from training_pipeline_tests.polling import until

MAIN = [sys.executable, "-c", "from training_pipeline.cli.app import main; main()"]
#: Each stand-in trainer takes so many steps, and stays before the one named next until it is let go.
STEPS = 4
HELD_AT_STEP = 3


class RunningSystem:
    """`up` can be started, interrupted, killed and started again; jobs are made and looked at from outside.

    `DAGSTER_POSTGRES_URL` must lead to the database of the state directory; see the fixture.
    """

    def __init__(self, state_dir: Path, output: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
            self.port, api_port = one.getsockname()[1], other.getsockname()[1]
        self._may_train = state_dir.parent / "may-train"
        self._may_train.mkdir()
        trainer = stand_in_program(steps=STEPS, hang_at_step=HELD_AT_STEP, go_on=str(self._may_train))
        self.settings = Settings(
            state_dir=state_dir,
            webserver_port=self.port,
            api_port=api_port,
            poll_seconds=1,
            run_grace_seconds=3,
            local_slots=8,
            local_trainer=shlex.join(trainer),
        )
        self.postgres = EmbeddedPostgres(state_dir / "postgres")
        self.services: Services = open_services(self.settings)
        self.instance = dg.DagsterInstance.from_config(str(self.settings.dagster_home))
        self._output = output
        self._up: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        """What the latest `up` has printed."""
        return self._output.read_text()

    def is_up(self) -> bool:
        """Whether the latest `up` runs."""
        return self._up is not None and self._up.poll() is None

    def up(self) -> None:
        """Start it and wait until it is up."""
        assert not self.is_up()
        with self._output.open("wb") as output:
            environment = {**os.environ, **exported(self.settings), "COLUMNS": "200"}
            self._up = subprocess.Popen(
                [*MAIN, "up"], env=environment, stdout=output, stderr=output, start_new_session=True
            )
        until(lambda: "is up" in self.output or not self.is_up(), seconds=150, what="up")
        assert self.is_up(), self.output

    def press_ctrl_c(self) -> None:
        """What a terminal does: SIGINT to the foreground process group."""
        assert self._up is not None
        os.killpg(self._up.pid, signal.SIGINT)

    def until_ended(self) -> None:
        """Wait until `up` has ended well."""
        assert self._up is not None
        assert self._up.wait(timeout=100) == 0, self.output

    def kill(self) -> None:
        """Kill `up` and the process groups of its children at one moment: servers, code servers and run workers."""
        assert self._up is not None
        record = running_system.read_record(self.settings)
        assert record is not None
        os.kill(self._up.pid, signal.SIGSTOP)  # it would notice the death of the first
        for child in record.children:
            os.killpg(child.process.pid, signal.SIGKILL)
        self._up.kill()
        self._up.wait()

    def kill_postgres(self) -> None:
        """Kill the postmaster, and wait until somebody else has started PostgreSQL again."""
        killed = self.postgres.pid()
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        until(
            lambda: self.postgres.pid() not in {None, killed} and self.postgres.accepts_connections(),
            seconds=60,
            what="the restart of PostgreSQL",
        )

    def close(self) -> None:
        """End everything, PostgreSQL too."""
        running_system.down(self.settings)
        if self._up is not None:
            self._up.wait(timeout=60)
        reap(self.settings.runs)
        self.services.store.engine.dispose()
        self.instance.dispose()

    def create(self, model_name: str) -> str:
        """The id of a new training job on the small sheet."""
        return self.services.jobs.create({"training_sheet_id": "small", "model_name": model_name}, created_by="ada").id

    def job(self, job_id: str) -> TrainingJob:
        """The job as it is now."""
        return self.services.store.get(job_id)

    def run_directory(self, job_id: str) -> RunDirectory:
        """The files of the job's run at the backend."""
        return RunDirectory(self.settings.runs / f"{job_id}-1")

    def let_train(self, job_id: str) -> None:
        """Let the job's trainer take the steps at which it is held. Idempotent; may be said in advance."""
        (self._may_train / self.run_directory(job_id).path.name).touch()

    def until(self, job_id: str, condition: Callable[[TrainingJob], Any], what: str) -> TrainingJob:
        """The job once it fulfils the condition; fails at once if it ends in another way than well."""

        def look() -> TrainingJob | None:
            try:
                job = self.job(job_id)
            except Unavailable:
                return None
            assert job.status not in TERMINAL - {JobStatus.SUCCEEDED}, f"{job.error_message}\n{self.story(job_id)}"
            return job if condition(job) else None

        try:
            until(look, seconds=120, what=f"{what} of {job_id}")
        except AssertionError as error:
            error.add_note(f"{self.output}\n{self.story(job_id)}")
            raise
        return self.job(job_id)

    def until_trained_to_the_hold(self, job_id: str) -> None:
        """Wait until the job runs, and its trainer is held."""
        self.until(job_id, lambda job: job.status == "running" and job.current_step == HELD_AT_STEP - 1, "training")

    def story(self, job_id: str) -> str:
        """The job's events, for the message of a failed test."""
        return "\n".join(event.message for event in self.services.store.events(job_id, newest_first=False)[0])

    def worker(self, run_id: str | None) -> int:
        """The process id of the worker of a Dagster run."""
        assert run_id is not None
        said = [
            str(entry.dagster_event.message if entry.dagster_event else "") for entry in self.instance.all_logs(run_id)
        ]
        found = [match for line in said if (match := re.search(r"process for run \(pid: (\d+)\)", line))]
        assert found, said
        return int(found[-1].group(1))
