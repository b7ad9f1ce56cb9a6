"""What a system at rest costs, with the connections that Dagster keeps here, against Dagster's storage as it comes.

    python bench/at_rest.py [--seconds 60] [--poll-seconds 5]

Starts `training-pipeline up` twice, one after the other, on a state directory of its own each: once with our
`dagster.yaml`, and once with the same but Dagster's own storage in it. Nobody asks for anything, and no job is there.
Prints for each the processor time of everything that runs, PostgreSQL included, its memory with shared pages counted
once, and the database sessions that were begun; then both ratios.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml
from sqlalchemy import text

from training_pipeline.cli.system.environment import DAGSTER_YAML
from training_pipeline.infra.database import Database
from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
from training_pipeline.settings import Settings

COMMAND = [sys.executable, "-c", "from training_pipeline.cli.app import main; main()"]
THEIRS = {
    "postgres": {"postgres_url": {"env": "DAGSTER_POSTGRES_URL"}},
}
#: The sensors of `up` rest once nothing has been under way for a minute.
SETTLE_SECONDS = 75


@dataclass(frozen=True)
class Rest:
    """What a while of rest took."""

    processor_percent: float
    megabytes: float
    sessions_a_second: float

    def __str__(self) -> str:
        processor, memory = f"{self.processor_percent:6.1f} % of a core", f"{self.megabytes:6.0f} MB"
        return f"{processor}  {memory}  {self.sessions_a_second:6.1f} database sessions a second"


def family(roots: list[int]) -> list[psutil.Process]:
    """These processes and all below them."""
    found = [psutil.Process(root) for root in roots]
    return found + [below for process in found for below in process.children(recursive=True)]


def megabytes(roots: list[int]) -> float:
    """Of memory, for a family; on Linux a page that several share is counted once, else only what is shared by none."""
    total = 0.0
    for process in family(roots):
        try:
            memory = process.memory_full_info()
        except psutil.NoSuchProcess:  # a connection that has ended
            continue
        total += getattr(memory, "pss", memory.uss) / 1e6
    return total


def processor_seconds(roots: list[int]) -> float:
    """Of a family, the dead that were waited for included."""
    total = 0.0
    for process in family(roots):
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.NoSuchProcess:  # its parent will have it among its dead
            continue
    return total


def sessions(database: Database) -> int:
    """How many were ever begun, our own included."""
    with database.engine(pooled=False).connect() as connection:
        return int(connection.execute(text("SELECT sum(sessions) FROM pg_stat_database")).scalar_one())


def at_rest(storage: Mapping[str, object] | None, *, seconds: float, poll_seconds: int, ports: tuple[int, int]) -> Rest:
    """What `up` takes while nothing happens, on `storage` instead of ours."""
    with tempfile.TemporaryDirectory(prefix="tp-bench-", dir="/tmp") as scratch:
        Path(scratch).chmod(0o711)
        settings = Settings(state_dir=Path(scratch) / "state")
        named = {
            "STATE_DIR": settings.state_dir,
            "POLL_SECONDS": poll_seconds,
            "WEBSERVER_PORT": ports[0],
            "API_PORT": ports[1],
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TRAINING_PIPELINE_")}
        environment = inherited | {f"TRAINING_PIPELINE_{name}": str(value) for name, value in named.items()}
        if storage is not None:
            settings.dagster_home.mkdir(parents=True)
            theirs = yaml.safe_load(DAGSTER_YAML.read_text()) | {"storage": storage}
            (settings.dagster_home / "dagster.yaml").write_text(yaml.safe_dump(theirs))
        output = Path(scratch) / "up.out"
        with output.open("wb") as log:
            up = subprocess.Popen([*COMMAND, "up"], env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            while "is up" not in output.read_text():
                if up.poll() is not None:
                    sys.exit(output.read_text())
                time.sleep(0.2)
            time.sleep(SETTLE_SECONDS)
            server = EmbeddedPostgres(settings.state_dir / "postgres")
            postmaster = server.pid()
            assert postmaster is not None
            roots = [up.pid, postmaster]
            database = Database(server.url())
            processor, begun, start = processor_seconds(roots), sessions(database), time.monotonic()
            time.sleep(seconds)
            took = time.monotonic() - start
            # One session is the first look itself.
            percent = 100 * (processor_seconds(roots) - processor) / took
            return Rest(percent, megabytes(roots), (sessions(database) - begun - 1) / took)
        finally:
            subprocess.run([*COMMAND, "down"], env=environment, check=False, capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--poll-seconds", type=int, default=5)
    parser.add_argument("--ports", type=int, nargs=2, default=(3977, 8977), metavar=("UI", "API"))
    arguments = parser.parse_args()
    how = {"seconds": arguments.seconds, "poll_seconds": arguments.poll_seconds, "ports": tuple(arguments.ports)}
    ours, theirs = at_rest(None, **how), at_rest(THEIRS, **how)
    print(f"kept connections  {ours}\nDagster's own     {theirs}")
    print(
        f"{theirs.processor_percent / ours.processor_percent:.2f} times the processor time, "
        f"{theirs.sessions_a_second / ours.sessions_a_second:.1f} times the sessions"
    )


if __name__ == "__main__":
    main()
