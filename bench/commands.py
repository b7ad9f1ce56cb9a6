"""What a command costs to start: those that list, show and verify, beside a bare Python and the help.

    python bench/commands.py [--runs 7]
    TRAINING_PIPELINE_STATE_DIR=… python bench/commands.py   # an installation of your own, with a registered version

Prints for each the median processor and wall seconds of so many runs, in turns, and the load of the machine. Without an
installation it trains the sample sheet in one of its own first. The goal on an idle machine is below a second of each.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

COMMAND = [sys.executable, "-c", "from training_pipeline.cli.app import main; main()"]
STATE = "TRAINING_PIPELINE_STATE_DIR"


@contextmanager
def installation(epochs: int) -> Iterator[dict[str, str]]:
    """The environment of one with a registered version: yours where it is named, else one that is gone afterwards."""
    if STATE in os.environ:
        yield dict(os.environ)
        return
    with tempfile.TemporaryDirectory(prefix="tp-bench-", dir="/tmp") as scratch:
        Path(scratch).chmod(0o711)  # so that the system user that runs PostgreSQL for root reaches what it owns
        environment = {**os.environ, STATE: str(Path(scratch) / "state")}
        try:
            asked(environment, "run", "sheet-123", "--epochs", str(epochs))
            yield environment
        finally:
            subprocess.run([*COMMAND, "down"], env=environment, check=False, capture_output=True)


def asked(environment: Mapping[str, str], *arguments: str) -> str:
    """What a command prints."""
    done = subprocess.run([*COMMAND, *arguments], env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def measured(command: list[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Processor and wall seconds of one run. 2 is an answer too: `models verify` says that a version is not clean."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in {0, 2, 3}:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def commands(environment: Mapping[str, str]) -> dict[str, list[str]]:
    """Each command by the words that it begins with."""
    version = json.loads(asked(environment, "models", "list", "--json"))["model_versions"][0]
    job, sheet, named = version["job_id"], version["training_sheet_id"], [version["name"], version["version"]]
    return {
        "python -c pass": [sys.executable, "-c", "pass"],
        "--help": [*COMMAND, "--help"],
        "jobs list": [*COMMAND, "jobs", "list"],
        "jobs show": [*COMMAND, "jobs", "show", job],
        "jobs lineage": [*COMMAND, "jobs", "lineage", job],
        "jobs diff": [*COMMAND, "jobs", "diff", job, job],
        "models list": [*COMMAND, "models", "list"],
        "models show": [*COMMAND, "models", "show", *named],
        "models verify": [*COMMAND, "models", "verify", *named],
        "uses": [*COMMAND, "uses", "--sheet", sheet],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=1)
    arguments = parser.parse_args()
    with installation(arguments.epochs) as environment:
        measurable = commands(environment)
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in measurable}
        for number in range(arguments.runs + 1):
            for name, command in measurable.items():
                found = measured(command, environment)
                if number:  # the first round only makes everything warm
                    taken[name].append(found)
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, medians of {arguments.runs} runs")
        for name, times in taken.items():
            processor, wall = (statistics.median(column) for column in zip(*times, strict=True))
            print(f"{name:16} {processor:5.2f} s of processor time, {wall:5.2f} s")


if __name__ == "__main__":
    main()
