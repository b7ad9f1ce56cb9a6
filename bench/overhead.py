"""What the pipeline costs beside the training itself: a job through `training-pipeline run` against the bare training
program on the same dataset, with the same configuration, alternating in one run.

    python bench/overhead.py [--rounds 3] [--epochs 3]

Prints the wall time of each, their difference in seconds and their ratio. The goal is a difference of at most 3 s. The
pipeline's time has everything in it: starting Python and PostgreSQL's connection, gates, split, dataset, both Dagster
runs, polling, MLflow and the registration.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = [sys.executable, "-c", "from training_pipeline.cli.app import main; main()"]


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, str]:
    """Wall seconds of the command and what it printed."""
    start = time.monotonic()
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    seconds = time.monotonic() - start
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return seconds, done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--sheet", default="sheet-123")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tp-bench-", dir="/tmp") as scratch:
        Path(scratch).chmod(0o711)
        state = Path(scratch) / "state"
        environment = {**os.environ, "TRAINING_PIPELINE_STATE_DIR": str(state)}
        timed([*COMMAND, "env"], environment)  # the database is created once, not in each job
        pipeline, bare = [], []
        try:
            for number in range(arguments.rounds):
                run = ["run", arguments.sheet, "--epochs", str(arguments.epochs), "--json"]
                seconds, printed = timed([*COMMAND, *run], environment)
                pipeline.append(seconds)
                job = json.loads(printed)
                config = json.loads((state / "runs" / f"{job['id']}-{job['attempt']}" / "config.json").read_text())
                again = Path(scratch) / f"bare-{number}"
                again.mkdir()
                (again / "config.json").write_text(json.dumps({**config, "run_dir": str(again)}))
                seconds, _ = timed(
                    [sys.executable, "-m", "training_pipeline.sft", str(again / "config.json")], environment
                )
                bare.append(seconds)
                print(f"round {number + 1}: pipeline {pipeline[-1]:.1f} s, bare program {bare[-1]:.1f} s", flush=True)
        finally:
            subprocess.run([*COMMAND, "down"], env=environment, check=False, capture_output=True)
    through, alone = statistics.median(pipeline), statistics.median(bare)
    print(f"pipeline {through:.1f} s, bare {alone:.1f} s: {through - alone:.1f} s more, {through / alone:.2f} times")


if __name__ == "__main__":
    main()
