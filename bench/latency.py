"""From the click to a running training, and from its last step to the registered model, against the bare program.

    python bench/latency.py [--jobs 20] [--at-once 5] [--bare 3] [--epochs 3] [--pause 5 15] [--late]

Starts `training-pipeline up` with its defaults (`--late`: but for the early start of the trainer), creates jobs over
the REST API, one after the other with a random pause between two, then some at once on the one slot there is. Prints
for each part its median and 95th percentile in seconds. `queued` and `running` are when the record says so; points are
when the training program wrote them. Where jobs wait for the slot, `from click or free slot` counts from the later of
the two. The bare training program is given the configurations of the first jobs, one each, while nothing else is at
work; the last lines compare it with the jobs.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2

COMMAND = [sys.executable, "-c", "from training_pipeline.cli.app import main; main()"]
SETTLE_SECONDS = 15
LOOK_SECONDS = 0.5
MOST_SECONDS = 600


@dataclass(frozen=True)
class Job:
    """When what happened to a job, in seconds since 1970."""

    directory: Path
    click: float
    queued: float
    running: float
    first_point: float
    last_step: float
    trained: float
    succeeded: float


@dataclass(frozen=True)
class Bare:
    """The training program alone; seconds since it was started."""

    first_point: float
    last_step: float
    end: float


def points(directory: Path) -> tuple[float, float]:
    """When the training program wrote its first and its last point."""
    lines = (directory / "progress.jsonl").read_text(encoding="utf-8").splitlines()
    return json.loads(lines[0])["time"], json.loads(lines[-1])["time"]


def happened(api: httpx2.Client, runs: Path, sheet: str, epochs: int, name: str) -> Job:
    """Create a job and wait until it has succeeded."""
    click = time.time()
    body = {"training_sheet_id": sheet, "model_name": name, "training_config": {"epochs": epochs}}
    created = api.post("/jobs", json=body)
    if created.status_code != 201:
        sys.exit(created.text)
    job: dict[str, Any] = created.json()
    while job["status"] not in {"succeeded", "failed", "cancelled", "timeout"}:
        if time.time() - click > MOST_SECONDS:
            sys.exit(f"{job['id']} is still {job['status']}.")
        time.sleep(LOOK_SECONDS)
        job = api.get(f"/jobs/{job['id']}").raise_for_status().json()
    if job["status"] != "succeeded":
        sys.exit(f"{job['id']} {job['status']}: {job['error_message']}")
    events = api.get(f"/jobs/{job['id']}/events").raise_for_status().json()["events"]
    times = {
        event["new_status"]: datetime.fromisoformat(event["created_at"]).timestamp()
        for event in events
        if event["new_status"]
    }
    directory = runs / f"{job['id']}-{job['attempt']}"
    first, last = points(directory)
    trained = json.loads((directory / "outcome.json").read_text(encoding="utf-8"))["finished_at"]
    return Job(directory, click, times["queued"], times["running"], first, last, trained, times["succeeded"])


def bare(job: Job, scratch: Path) -> Bare:
    """The training program on the configuration of a job, in a directory of its own."""
    directory = Path(tempfile.mkdtemp(dir=scratch))
    config = json.loads((job.directory / "config.json").read_text(encoding="utf-8"))
    (directory / "config.json").write_text(json.dumps({**config, "run_dir": str(directory)}), encoding="utf-8")
    start = time.time()
    command = [sys.executable, "-m", "training_pipeline.sft", str(directory / "config.json")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    end = time.time()
    if done.returncode:
        sys.exit(done.stderr)
    first, last = points(directory)
    return Bare(first - start, last - start, end - start)


def told(name: str, seconds: Sequence[float]) -> None:
    """Print median and 95th percentile."""
    worst = sorted(seconds)[math.ceil(0.95 * len(seconds)) - 1]
    print(f"  {name:<32} {statistics.median(seconds):7.2f} {worst:7.2f}")


PARTS: dict[str, Callable[[Job], float]] = {
    "click to queued": lambda job: job.queued - job.click,
    "queued to running": lambda job: job.running - job.queued,
    "running to first point": lambda job: job.first_point - job.running,
    "first point to last step": lambda job: job.last_step - job.first_point,
    "last step to end of training": lambda job: job.trained - job.last_step,
    "end of training to succeeded": lambda job: job.succeeded - job.trained,
    "click to running": lambda job: job.running - job.click,
    "click to first point": lambda job: job.first_point - job.click,
    "last step to succeeded": lambda job: job.succeeded - job.last_step,
    "click to succeeded": lambda job: job.succeeded - job.click,
}


def tell(title: str, jobs: Sequence[Job]) -> None:
    """Print each part of these jobs."""
    print(f"{title:<34} {'median':>7} {'p95':>7}")
    for name, part in PARTS.items():
        told(name, [part(job) for job in jobs])


def tell_waiting(jobs: Sequence[Job]) -> None:
    """Print how long jobs on one slot took to run once they could, in the order in which they ran."""
    ordered = sorted(jobs, key=lambda job: job.running)
    free = [0.0, *(job.trained for job in ordered[:-1])]
    told(
        "from click or free slot to running",
        [job.running - max(job.click, since) for job, since in zip(ordered, free, strict=True)],
    )


def tell_against(jobs: Sequence[Job], alone: Sequence[Bare]) -> None:
    """Print the bare program, and the jobs beside it."""
    print(f"{'bare program':<34} {'median':>7} {'p95':>7}")
    told("start to first point", [one.first_point for one in alone])
    told("start to last step", [one.last_step for one in alone])
    told("start to end", [one.end for one in alone])
    first = statistics.median(job.first_point - job.click for job in jobs)
    whole = statistics.median(job.succeeded - job.click for job in jobs)
    bare_first, bare_whole = (
        statistics.median(times) for times in zip(*((a.first_point, a.end) for a in alone), strict=True)
    )
    print(f"first point {first - bare_first:.2f} s later than the bare program's")
    print(f"click to succeeded {whole - bare_whole:.2f} s more than the bare program, {whole / bare_whole:.2f} times")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--at-once", type=int, default=5)
    parser.add_argument("--bare", type=int, default=3, help="how many of the jobs the bare program repeats, at least 1")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--sheet", default="sheet-123")
    parser.add_argument("--pause", type=float, nargs=2, default=(5, 15), metavar=("LEAST", "MOST"))
    parser.add_argument("--ports", type=int, nargs=2, default=(3978, 8978), metavar=("UI", "API"))
    parser.add_argument("--late", action="store_true", help="start the trainer once the dataset is made, not before")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    with tempfile.TemporaryDirectory(prefix="tp-bench-", dir="/tmp") as name:
        scratch = Path(name)
        scratch.chmod(0o711)
        state, output = scratch / "state", scratch / "up.out"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TRAINING_PIPELINE_")}
        named = {"STATE_DIR": state, "WEBSERVER_PORT": arguments.ports[0], "API_PORT": arguments.ports[1]}
        named["LOCAL_EARLY_START"] = not arguments.late
        environment = inherited | {f"TRAINING_PIPELINE_{name}": str(value) for name, value in named.items()}
        with output.open("wb") as log:
            up = subprocess.Popen([*COMMAND, "up"], env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            while "is up" not in output.read_text():
                if up.poll() is not None:
                    sys.exit(output.read_text())
                time.sleep(0.2)
            time.sleep(SETTLE_SECONDS)
            url = f"http://127.0.0.1:{arguments.ports[1]}/api/v1/training"
            with httpx2.Client(base_url=url, timeout=60) as api, ThreadPoolExecutor(arguments.at_once) as threads:

                def trained(number: int) -> Job:
                    return happened(api, state / "runs", arguments.sheet, arguments.epochs, f"model-{number}")

                jobs: list[Job] = []
                alone: list[Bare] = []
                for number in range(arguments.jobs):
                    jobs.append(trained(number))
                    if len(alone) < arguments.bare:
                        time.sleep(LOOK_SECONDS)
                        alone.append(bare(jobs[-1], scratch))
                    time.sleep(random.uniform(*arguments.pause))
                tell(f"{len(jobs)} job(s) in a row", jobs)
                together = list(threads.map(trained, range(100, 100 + arguments.at_once)))
                tell(f"{len(together)} job(s) at once", together)
                tell_waiting(together)
                tell_against(jobs, alone)
        finally:
            subprocess.run([*COMMAND, "down"], env=environment, check=False, capture_output=True)


if __name__ == "__main__":
    main()
