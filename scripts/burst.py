"""Create many jobs at the same moment on a busy machine, and see what becomes of them: `scripts/burst.py --state DIR`.

`up` runs in the state directory, by default with a stand-in trainer. Once it is up, `--load` processes that do nothing
but compute are started, and so many clients at a time as there are jobs ask for one each over the REST API, as
`training-pipeline jobs create --url` does. Some, drawn by the seed, are impatient: they drop their first request after
a while and send it again with the same key. Printed is how long creating took, and what was lost, doubled, or failed
by nothing but bad luck.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import httpx2
from busy import topped_up
from torment import Torment

from training_pipeline.client.config import API_PATH, RemoteService
from training_pipeline.client.http import HttpService
from training_pipeline.client.remote import RemoteClient
from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.job import TERMINAL, TrainingJob
from training_pipeline.testing.system.running_system import RunningSystem

UP_SECONDS: Final = 900.0
#: A share of the clients that are impatient, and for how long at most they wait.
IMPATIENT: Final = 0.25
IMPATIENCE_SECONDS: Final = 3.0


class Burst(Torment):
    """The jobs of one burst, judged as those of a torment are."""

    made: Mapping[str, str]

    def jobs(self) -> list[TrainingJob]:
        """Every job of the installation, oldest first, also one that no client was told of."""
        return self.system.services.store.list(limit=None, descending=False)[0]

    def create(self, number: int) -> tuple[str, str, float]:
        """One client's job: its key, its id or what it was refused with, and how many seconds that took."""
        rng = random.Random(f"{self.asked.seed} client {number}")
        key, began = f"burst-{self.asked.seed}-{number}", time.monotonic()
        url = f"http://127.0.0.1:{self.system.settings.api_port}"
        body = {"training_sheet_id": "small", "model_name": "triage"}
        if rng.random() < IMPATIENT:
            headers, patience = {"Idempotency-Key": key}, rng.uniform(0.05, IMPATIENCE_SECONDS)
            with suppress(httpx2.RequestError), httpx2.Client(timeout=patience) as client:
                client.post(f"{url}{API_PATH}/jobs", json=body, headers=headers)
        with HttpService(RemoteService(url=url)) as service:
            try:
                made = RemoteClient(service).create(body, idempotency_key=key).job.id
            except PipelineError as error:
                made = f"refused: {error.code}: {error.message}"
        return key, made, time.monotonic() - began

    def create_all(self) -> list[float]:
        """All jobs at the same moment; the seconds that each client took, sorted."""
        with ThreadPoolExecutor(self.asked.jobs) as pool:
            answers = list(pool.map(self.create, range(self.asked.jobs)))
        self.made = {key: made for key, made, _ in answers}
        return sorted(seconds for _, _, seconds in answers)

    def wait(self) -> None:
        """Wait until all jobs have ended, or for as long as was asked."""
        until = time.monotonic() + self.asked.patience
        while time.monotonic() < until and any(
            job.status not in TERMINAL or (job.is_trained and job.finalize.done_at is None) for job in self.jobs()
        ):
            time.sleep(1)

    def verdict(self) -> tuple[Counter[str], list[str]]:
        """Beside what became of the jobs: a client without a job, and a job that no client was told of."""
        faults, told = super().verdict()
        there = {job.id for job in self.jobs()}
        for key, made in self.made.items():
            if made not in there:
                faults["lost"] += 1
                told.append(f"{key}: lost: {made}")
        for job_id in sorted(there - set(self.made.values())):
            faults["doubled"] += 1
            told.append(f"{job_id}: doubled: no client was told of it")
        return faults, told


def main() -> int:
    """Create, wait, and print what came of it; 1 if anything was lost, doubled or failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, required=True, help="a new directory for the installation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=40)
    parser.add_argument("--load", type=int, default=0, help="load average to keep, by processes that only compute")
    parser.add_argument("--patience", type=float, default=3600.0, help="seconds for all jobs to end")
    parser.add_argument("--real", action="store_true", help="train with the real program, not with a stand-in")
    asked = parser.parse_args()
    asked.state = asked.state.absolute()
    asked.state.mkdir(mode=0o711, parents=True)  # what was there before would be counted
    behaviour: dict[str, Any] = {} if asked.real else {"steps": 20, "seconds_per_step": 0.25}
    settings = {"run_grace_seconds": 30, "max_attempts": 3}
    with closing(
        RunningSystem(
            asked.state / "state", asked.state / "up.out", real_trainer=asked.real, settings=settings, **behaviour
        )
    ) as system:
        system.up(seconds=UP_SECONDS)
        burst = Burst(system, asked)
        with topped_up(asked.load):
            seconds = burst.create_all()
            highest = os.getloadavg()[0]
            began = time.monotonic()
            burst.wait()
            highest = max(highest, os.getloadavg()[0])
        faults, told = burst.verdict()
        jobs = len(burst.jobs())
    for line in told:
        print(line)
    print(f"Seed {asked.seed}, {'real' if asked.real else 'stand-in'} trainer, load average {highest:.0f}.")
    print(
        f"{asked.jobs} clients at once: the first had its job after {seconds[0]:.1f} s, the last {seconds[-1]:.1f} s."
    )
    print(f"{jobs} jobs had ended {time.monotonic() - began:.0f} s later:")
    print(f"lost {faults['lost']}, doubled {faults['doubled']}, failed by bad luck {faults['failed']}")
    return bool(told)


if __name__ == "__main__":
    sys.exit(main())
