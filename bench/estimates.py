"""How good estimates of training time are: every job of a recording is predicted only from those before it.

    python bench/estimates.py                       the jobs of this installation (TRAINING_PIPELINE_STATE_DIR)
    python bench/estimates.py --recording FILE      a recording, as --record writes it
    python bench/estimates.py --record FILE         write such a recording of this installation, without any text
    python bench/estimates.py --made-up 200         jobs made up from a known law, to see what the method itself does

Prints the share of jobs whose duration lay in the interval, the median error, and both by how many jobs were known, of
real trainings and of the stand-in of the tests, which multiplies nothing, each for itself. The goal: 72 to 90 % within
the 80 % interval, a median error of 15 % at most once there is history.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel
from sqlalchemy import select

from training_pipeline.app.container import open_services
from training_pipeline.domain.advice.facts import Facts, ModelFacts, TokenLengths
from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.estimate.estimate import PastJob, time_of
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.settings import Settings
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.history import MACHINE
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import training_jobs

_LONGEST: Final = 131_072
#: The training program, the stand-in of the tests, or nothing.
Program = Literal["real", "stand-in", "made up"]


class Recorded(BaseModel):
    """A succeeded job of a recording; recordings are in the order in which the jobs were created."""

    base_model: str
    method: str
    machine: str
    job: PastJob
    #: What trained it: a recording of before it was told holds real ones.
    program: Program = "real"


class Predicted(NamedTuple):
    """How one job was predicted: from how many like it, with what error, and whether within the interval."""

    program: Program
    known: int
    error: float
    within: bool


def recorded(store: JobStore) -> Iterable[Recorded]:
    """The succeeded jobs of an installation that say on which machine they were trained."""
    wanted = (training_jobs.c.status == JobStatus.SUCCEEDED, training_jobs.c.duration_seconds > 0)
    with store.begin() as connection:
        ids = list(connection.execute(select(training_jobs.c.id).where(*wanted).order_by(training_jobs.c.created_at)))
    for (job_id,) in ids:
        job, machine = store.get(job_id), store.created_with(job_id).get(MACHINE)
        if machine is None or not job.data.train_pairs or not job.progress.current_epoch:
            continue
        config = job.request.training_config
        past = PastJob(
            training_sheet_id=job.request.training_sheet_id,
            train_pairs=job.data.train_pairs,
            val_pairs=job.data.val_pairs or 0,
            epochs=job.progress.current_epoch,
            evaluations_per_epoch=config["evaluations_per_epoch"],
            max_length=config["max_length"],
            tokens=job.result.tokens_processed,
            seconds=job.duration_seconds or 0.0,
        )
        kind = {"base_model": job.request.base_model, "method": config["method"], "machine": machine}
        yield Recorded(**kind, job=past, program=_program(store, job_id))


def _program(store: JobStore, job_id: str) -> Program:
    """What trained a job: the stand-in says that it had no torch."""
    try:
        recipe = lineage.read(store, job_id).recipe
    except NotFound:
        return "real"
    return "stand-in" if recipe is not None and recipe.libraries.get("torch") == "none" else "real"


def made_up(count: int, chance: random.Random) -> Iterable[Recorded]:
    """Jobs of one model whose time follows its tokens, an overhead, and chance; a few take far longer."""
    for _ in range(count):
        pairs, epochs, length = chance.randint(50, 5000), chance.randint(1, 10), chance.choice([40, 60, 300])
        job = PastJob(
            training_sheet_id=f"s-{length}",
            train_pairs=pairs,
            val_pairs=pairs // 4,
            epochs=epochs,
            evaluations_per_epoch=1,
            max_length=_LONGEST,
            tokens=pairs * epochs * length,
            seconds=1.0,
        )
        slow = 1.8 if chance.random() < 0.03 else 1.0
        seconds = (2 + job.passes * length / 8000) * math.exp(chance.gauss(0, 0.12)) * slow
        kind = {"base_model": "made-up", "method": "lora", "machine": "here", "program": "made up"}
        yield Recorded(**kind, job=job.model_copy(update={"seconds": seconds}))


def replay(jobs: Iterable[Recorded]) -> list[Predicted]:
    """Predict each job from those before it, with what a dry run knows; those without any like them are left out."""
    before: dict[tuple[str, str, str, Program], list[PastJob]] = defaultdict(list)
    found = []
    for one in jobs:
        known = before[one.base_model, one.method, one.machine, one.program]
        told = time_of(_facts(one), one.job.training_sheet_id, known[:200], speed=None)
        if told.middle is not None and told.low is not None and told.high is not None:
            error = abs(told.middle / one.job.seconds - 1)
            within = told.low <= one.job.seconds <= told.high
            found.append(Predicted(one.program, int(told.basis.split()[0]), error, within))
        known.insert(0, one.job)
    return found


def _facts(one: Recorded) -> Facts:
    """What was known before the job. Its epochs are those that it came to: an early stop is not predicted."""
    job = one.job
    values: dict[str, Any] = {
        "learning_rate": 1e-4,
        "batch_size": 8,
        "method": one.method,
        "max_length": job.max_length or _LONGEST,
    }
    config = TrainingConfig(**values, epochs=max(1, round(job.epochs)), evaluations_per_epoch=job.evaluations_per_epoch)
    return Facts(
        base_model=one.base_model,
        model=ModelFacts(machine=one.machine),
        config=config,
        auto=config,
        train_pairs=job.train_pairs,
        validation_pairs=job.val_pairs,
        lengths=None if job.length is None else TokenLengths.of([max(1, round(job.length))]),
    )


def say(found: list[Predicted]) -> None:
    """Print coverage and error, by how many jobs were known."""
    for name, low, high in (("1 to 4", 1, 4), ("5 to 19", 5, 19), ("20 and more", 20, 10**9), ("all", 1, 10**9)):
        some = [one for one in found if low <= one.known <= high]
        if some:
            within = sum(one.within for one in some) / len(some)
            error = statistics.median(one.error for one in some)
            figures = f"{within:5.1%} within the interval, median error {error:5.1%}"
            print(f"{name:>12} like it known: {len(some):4} jobs, {figures}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recording", type=Path)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--made-up", type=int)
    arguments = parser.parse_args()
    if arguments.made_up:
        jobs = list(made_up(arguments.made_up, random.Random(7)))
    elif arguments.recording:
        jobs = [Recorded.model_validate_json(line) for line in arguments.recording.read_text().splitlines()]
    else:
        services = open_services(Settings())
        try:
            jobs = list(recorded(services.store))
        finally:
            services.store.engine.dispose()
    if arguments.record:
        arguments.record.write_text("".join(f"{json.dumps(job.model_dump(mode='json'))}\n" for job in jobs))
    found = replay(jobs)
    if not found:
        sys.exit(f"None of {len(jobs)} jobs has one like it before it.")
    print(f"{len(jobs)} jobs, {len(found)} of them predicted from those before them")
    for program in sorted({one.program for one in found}):
        some = [one for one in found if one.program == program]
        print(f"{program}: {len(some)}")
        say(some)


if __name__ == "__main__":
    main()
