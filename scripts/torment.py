"""Kill processes of a running system at random, and see what became of its jobs: `scripts/torment.py --state DIR`.

`up` runs in the state directory, by default with a stand-in trainer. Jobs are created a few at a time, and so many
kills (SIGKILL) are spread over them: trainers, supervisors, workers of Dagster runs, PostgreSQL, each process of `up`,
`up` itself and all of it at once. Printed is what was lost, doubled, or failed by nothing but a kill.

What is killed when comes from the seed and the number of the kill. Stopped at any time, it goes on where it was when
started again with the same directory.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import psutil
from busy import topped_up
from sqlalchemy.exc import DBAPIError

from training_pipeline.backends.local.runs import Runs
from training_pipeline.cli.system import up_record
from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.job import ACTIVE, JobStatus, Phase, TrainingJob
from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
from training_pipeline.infra.file_lock import is_held
from training_pipeline.infra.json_file import read_json
from training_pipeline.infra.processes import ProcessIdentity
from training_pipeline.testing.system.running_system import RunningSystem
from training_pipeline.tracking.mlflow import JOB_TAG
from training_pipeline.training_jobs.store import metrics

WHO: Final = "torment"
#: How often each is drawn.
VICTIMS: Final = {
    "trainer": 4,
    "supervisor": 3,
    "run worker": 5,
    "postgres": 3,
    "code_server": 2,
    "daemon": 3,
    "webserver": 1,
    "fork_server": 1,
    "api": 1,
    "up": 1,
    "everything": 1,
}
#: Of what a job is promised to survive two, no third one is inflicted on purpose.
MOST: Final = 2
UP_SECONDS: Final = 900.0
#: A job that has not ended so long after the last kill is lost.
PATIENCE_SECONDS: Final = 1800.0


class Torment:
    """One system, its jobs, and the kills so far, which are on record in the state directory."""

    def __init__(self, system: RunningSystem, asked: argparse.Namespace) -> None:
        self.system = system
        self.asked = asked
        self.file: Path = asked.state / "kills.jsonl"
        self.kills: list[dict[str, Any]] = []
        if self.file.exists():
            self.kills = [json.loads(line) for line in self.file.read_text().splitlines()]
        self.inflicted = Counter((kill["victim"], kill["job"]) for kill in self.kills if kill.get("job"))

    def jobs(self) -> list[TrainingJob]:
        """Every job of the torment, oldest first."""
        return self.system.services.store.list(created_by=WHO, limit=None, descending=False)[0]

    def go_on(self) -> None:
        """Create, kill and restart, until all jobs are over and all kills are done."""
        asked, due, last = self.asked, time.monotonic() + self.asked.pause, time.monotonic()
        while time.monotonic() - last < PATIENCE_SECONDS:
            with suppress(DBAPIError, PipelineError):  # the database may be the one that was killed
                jobs = self.jobs()
                active = [job for job in jobs if job.status in ACTIVE]
                allowed = asked.together + len(self.kills) * asked.jobs / max(1, asked.kills)
                if len(jobs) < min(asked.jobs, allowed) and len(active) < asked.together:
                    request = {"training_sheet_id": "small", "model_name": "triage"}
                    self.system.services.jobs.create(request, created_by=WHO)
                elif not active and len(jobs) >= asked.jobs and len(self.kills) >= asked.kills:
                    return
                if len(self.kills) < asked.kills and time.monotonic() >= due and (active or len(jobs) >= asked.jobs):
                    self.kill(active)
                    due = time.monotonic() + random.Random(f"{asked.seed} pause {len(self.kills)}").expovariate(
                        1 / asked.pause
                    )
                    last = time.monotonic()
            process = self.system.process
            if process is None or process.poll() is not None:
                self.system.up(seconds=UP_SECONDS)
            time.sleep(0.1)

    def kill(self, active: list[TrainingJob]) -> None:
        """Kill the next victim that can be found, and put it on record."""
        rng = random.Random(f"{self.asked.seed} {len(self.kills)}")
        names = sorted(VICTIMS, key=lambda name: rng.random() ** (1 / VICTIMS[name]), reverse=True)
        rng.shuffle(active)
        for name in names:
            for job_id, killing in self.found(name, active):
                if job_id is not None and self.inflicted[name, job_id] >= MOST:
                    continue
                self.inflicted[name, job_id] += 1
                record = {"kill": len(self.kills) + 1, "victim": name, "job": job_id, "at": time.time()}
                self.kills.append(record)
                with self.file.open("a") as file:
                    file.write(json.dumps(record) + "\n")
                killing()
                return

    def found(self, name: str, active: list[TrainingJob]) -> Iterator[tuple[str | None, Callable[[], None]]]:
        """Ways to kill such a victim now, with the job whose it is."""
        if name in {"trainer", "supervisor"}:
            for job in active:
                run = Runs(self.system.settings.runs).of(job.id, job.attempt)
                lock, file = (
                    (run.trainer_lock, run.trainer)
                    if name == "trainer"
                    else (run.supervisor_lock, run.path / "supervisor.json")
                )
                told = read_json(file) or {}
                who = ProcessIdentity.from_json(told.get("supervisor", told) or None)
                if who is not None and who.is_alive() and is_held(lock):
                    yield job.id, lambda pid=who.pid: os.kill(pid, signal.SIGKILL)  # type: ignore[misc]
        elif name == "run worker":
            for job in active:
                for phase in Phase:
                    state = job.phase(phase)
                    if state.claimed_at is None or state.run_id is None or state.done_at is not None:
                        continue
                    with suppress(AssertionError):  # its worker has not said who it is yet
                        pid = self.system.worker(state.run_id)
                        if psutil.pid_exists(pid):
                            yield job.id, lambda pid=pid: os.kill(pid, signal.SIGKILL)  # type: ignore[misc]
        elif name == "postgres":
            server = EmbeddedPostgres(self.system.settings.state_dir / "postgres").pid()
            if server is not None:
                yield None, lambda: os.kill(server, signal.SIGKILL)
        elif name == "everything":
            yield None, self.system.kill
        elif name == "up":
            yield None, self.kill_up
        else:
            record = up_record.read_record(self.system.settings)
            for child in record.latest() if record else ():
                if child.name == name and child.process.is_alive():
                    yield None, lambda pid=child.process.pid: os.kill(pid, signal.SIGKILL)  # type: ignore[misc]

    def kill_up(self) -> None:
        """Kill `up` alone; what it started is told of that by the kernel."""
        assert self.system.process is not None
        self.system.process.kill()
        self.system.process.wait()

    def verdict(self) -> tuple[Counter[str], list[str]]:
        """How many jobs were lost, doubled, or failed by bad luck, and what is wrong with which."""
        faults, told = Counter(lost=0, doubled=0, failed=0), []
        for job in self.jobs():
            for kind, what in self.faults(job):
                faults[kind] += 1
                told.append(f"{job.id}: {kind}: {what}")
        return faults, told

    def faults(self, job: TrainingJob) -> Iterator[tuple[str, str]]:
        """What is wrong with one job."""
        if job.status is not JobStatus.SUCCEEDED:
            kind = "lost" if job.status in ACTIVE else "failed"
            yield kind, f"it is {job.status}: {job.error_message}\n{self.system.story(job.id)}"
            return
        try:
            self.system.assert_on_record(job.id)
        except AssertionError as error:
            yield "lost", f"its record is not whole: {str(error)[:500]}"
        steps = metrics.series(self.system.services.store, job.id)["step"].tolist()
        planned = job.progress.planned_steps or 0
        whole = steps and steps[-1] == planned and (self.asked.real or steps == list(range(1, planned + 1)))
        if not whole:
            yield "lost", f"its curve has {len(steps)} points of {planned} steps"
        run = Runs(self.system.settings.runs).of(job.id, job.attempt)
        if (run.path / "stand_in_overlap").exists():
            yield "doubled", "two trainers at once"
        client = self.system.tracking.client
        experiment = job.handles.mlflow_experiment_id or ""
        if (runs := len(client.search_runs([experiment], f"tags.`{JOB_TAG}` = '{job.id}'"))) != 1:
            yield "doubled", f"{runs} MLflow runs"
        versions = client.search_model_versions(f"run_id = '{job.handles.mlflow_run_id}'")
        if [str(version.version) for version in versions] != [job.result.uc_model_version]:
            yield "doubled" if len(versions) > 1 else "lost", f"{len(versions)} model versions"


def main() -> int:
    """Torment, and print what came of it; 1 if anything was lost, doubled or failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, required=True, help="directory of the installation and of what was done")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--together", type=int, default=6, help="jobs at a time")
    parser.add_argument("--pause", type=float, default=4.0, help="seconds between two kills, on average")
    parser.add_argument("--load", type=int, default=0, help="load average to keep, by processes that only compute")
    parser.add_argument("--real", action="store_true", help="train with the real program, not with a stand-in")
    asked = parser.parse_args()
    asked.state = asked.state.absolute()
    asked.state.mkdir(mode=0o711, parents=True, exist_ok=True)
    began = time.monotonic()
    behaviour: dict[str, Any] = {} if asked.real else {"steps": 20, "seconds_per_step": 0.25}
    settings = {"run_grace_seconds": 30, "max_attempts": 3}
    with (
        topped_up(asked.load),
        closing(
            RunningSystem(
                asked.state / "state",
                asked.state / "up.out",
                real_trainer=asked.real,
                settings=settings,
                **behaviour,
            )
        ) as system,
    ):
        torment = Torment(system, asked)
        before = len(torment.kills)
        torment.go_on()
        faults, told = torment.verdict()
        jobs = len(torment.jobs())
        highest = os.getloadavg()[1]
    for line in told:
        print(line)
    victims = Counter(kill["victim"] for kill in torment.kills)
    print(f"Seed {asked.seed}, {'real' if asked.real else 'stand-in'} trainer, load average {highest:.0f}.")
    print(f"{len(torment.kills)} kills ({before} of them before) over {jobs} jobs in {time.monotonic() - began:.0f} s:")
    print("  " + ", ".join(f"{name} {victims[name]}" for name in VICTIMS if victims[name]))
    print(f"lost {faults['lost']}, doubled {faults['doubled']}, failed by bad luck {faults['failed']}")
    return bool(told)


if __name__ == "__main__":
    sys.exit(main())
