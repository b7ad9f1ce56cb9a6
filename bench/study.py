"""A study against random search, and what it takes beside its trials; none is trained unless --real says so.

    python bench/study.py                two minutes on one core
    python bench/study.py --studies 5    fewer studies
    python bench/study.py --real 12      also 12 trials of the real small model, by random search and by TPE; needs idle
                                         cores: each trial trains for --epochs epochs on the bundled sheet

The loss of a made-up trial falls towards a level that depends on learning rate, rank and warm-up, with noise. Every way
of choosing gets the same budget: evaluations, of which a trial that runs to its end takes 8. Prints the loss that each
found at best (median over the studies), and the share of the budget that went into trials that were stopped early. Then
a study of 20 such trials runs through the real service on a PostgreSQL of its own, and the time in `advance` is printed
for each trial.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from scratch import scratch_postgres

from training_pipeline.domain.study import StudyRequest, Trial, TrialStatus
from training_pipeline.settings import Settings
from training_pipeline.testing.studies.trial_life import TrialBackend, study_request, tick
from training_pipeline.testing.system.installation import scripted_services
from training_pipeline.tuning import records
from training_pipeline.tuning.optimizer import Observation, ask, stop_after

EVALUATIONS: Final = 8
SPACE: Final = {
    "learning_rate": {"low": 1e-6, "high": 1e-1},
    "lora_rank": {"choices": [4, 8, 16, 32, 64]},
    "warmup_ratio": {"low": 0.0, "high": 0.3},
}


def curve(params: Mapping[str, Any], noise: random.Random) -> tuple[float, ...]:
    """The loss after each evaluation: best at 3e-4, a rank of 16 and a warm-up of 0.1; it explodes above 1e-2."""
    off = abs(math.log10(params["learning_rate"] / 3e-4))
    level = 0.4 + 0.25 * off**1.5 + 0.05 * abs(math.log2(params["lora_rank"] / 16))
    level += 2 * abs(params["warmup_ratio"] - 0.1) ** 2 + (1.5 if params["learning_rate"] > 1e-2 else 0)
    pace = 0.3 + 1 / (1 + off)
    return tuple(level + 2 * math.exp(-pace * at) + noise.gauss(0, 0.01) for at in range(1, EVALUATIONS + 1))


def searched(request: StudyRequest, seed: int, budget: int) -> tuple[float, int, int]:
    """The best loss within so many evaluations, the trials that were made, and evaluations of those stopped early."""
    noise = random.Random(seed)
    told: list[Observation] = []
    used = stopped_early = 0
    best = math.inf
    while used < budget:
        number = len(told) + 1
        params = ask(request, told, number)
        if params is None:
            break
        losses = curve(params, noise)[: budget - used]
        now = datetime.now(UTC)
        trial = Trial(study="bench", number=number, params=params, status=TrialStatus.RUNNING, asked_at=now)
        (at,) = stop_after(request, told, [Observation(trial, losses)])
        used += at or len(losses)
        if at is not None:
            stopped_early += at
            told.append(Observation(trial.model_copy(update={"status": TrialStatus.PRUNED}), losses[:at]))
        elif len(losses) == EVALUATIONS:
            over = {"status": TrialStatus.SUCCEEDED, "value": losses[-1]}
            told.append(Observation(trial.model_copy(update=over), losses))
            best = min(best, losses[-1])
    return best, len(told), stopped_early


def compare(studies: int, trials: int) -> None:
    """Print what both ways found."""
    budget = trials * EVALUATIONS
    print(f"{studies} studies each, {budget} evaluations a study ({trials} whole trials)")
    for name, sampler, pruner in (
        ("random", "random", "none"),
        ("tpe", "tpe", "none"),
        ("tpe + median", "tpe", "median"),
    ):
        found = []
        for seed in range(studies):
            request = study_request(space=SPACE, sampler=sampler, seed=seed, pruner={"kind": pruner}, most_trials=500)
            found.append(searched(request, seed, budget))
        best = statistics.median(each[0] for each in found)
        made = statistics.mean(each[1] for each in found)
        lost = statistics.mean(each[2] / budget for each in found)
        print(f"  {name:14} best {best:.4f}   {made:.1f} trials   {lost:.0%} of the budget in trials stopped early")


def orchestrate(trials: int) -> None:
    """Print what the service takes for each trial, beside the trial."""
    noise = random.Random(1)
    backend = TrialBackend()
    with scratch_postgres() as (_, database, directory):
        settings = Settings(state_dir=directory / "state", database_url=database.url("training"))
        with scripted_services(settings, database, backend) as services:
            services.studies.create(study_request(space=SPACE, most_trials=trials), created_by="bench")
            heard: dict[str, int] = {}
            curves: dict[str, tuple[float, ...]] = {}
            wall = cpu = 0.0
            looks = 0
            while True:
                began, spent = time.perf_counter(), time.process_time()
                study = services.advance_studies.advance("s")
                wall, cpu, looks = wall + time.perf_counter() - began, cpu + time.process_time() - spent, looks + 1
                if study.ended_at is not None:
                    break
                tick(services, backend, "s", lambda params: curves.setdefault(str(params), curve(params, noise)), heard)
            made = records.trials_of(services.store, "s")
    pruned = sum(trial.status is TrialStatus.PRUNED for trial in made)
    print(f"{len(made)} trials through the service, {pruned} stopped early, {looks} looks: {study.why}")
    print(f"  a trial: {wall / len(made):.2f} s, of which {cpu / len(made):.2f} s processor time of this process")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=20, help="made-up studies; 0 for none")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--real", type=int, default=0, help="trials of the real small model, for each way")
    parser.add_argument("--epochs", type=int, default=8, help="epochs of each of those")
    parser.add_argument("--seed", type=int, default=42, help="seed of their choices")
    asked = parser.parse_args()
    if asked.studies:
        compare(asked.studies, asked.trials)
        orchestrate(asked.trials)
    if asked.real:
        from real_study import compare_real  # Dagster and all that is real takes seconds to import

        compare_real(asked.real, epochs=asked.epochs, seed=asked.seed)
