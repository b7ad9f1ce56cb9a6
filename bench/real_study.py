"""The part of `bench/study.py` that trains: studies of the real small model, on the bundled sheet."""

from __future__ import annotations

import time
from typing import Any, Final

import dagster as dg
from scratch import scratch_postgres

from training_pipeline.app.container import Services
from training_pipeline.cli.system.driver import driven
from training_pipeline.cli.system.installation import installation
from training_pipeline.domain.study import StudyRequest, TrialStatus
from training_pipeline.settings import Settings
from training_pipeline.tuning import records

SHEET: Final = "sheet-123"
SPACE: Final = {
    "learning_rate": {"low": 1e-4, "high": 3e-2},
    "batch_size": {"choices": [4, 8, 16, 32]},
    "warmup_ratio": {"low": 0.0, "high": 0.3},
}
#: Both get the same number of trials; what was stopped early is told apart.
WAYS: Final[dict[str, dict[str, Any]]] = {
    "random": {"sampler": "random", "pruner": {"kind": "none"}},
    "tpe": {"sampler": "tpe", "pruner": {"kind": "median", "startup_trials": 4}},
}


def compare_real(trials: int, *, epochs: int, seed: int) -> None:
    """Print what each way finds with so many trials of the built-in model, and what its trials and the rest take."""
    with scratch_postgres() as (_, database, directory):
        settings = Settings(state_dir=directory / "state", database_url=database.url("training"))
        with installation(settings) as (services, instance):
            print(f"{trials} trials each of builtin:tiny on {SHEET}, {epochs} epochs, one after the other")
            for name, way in WAYS.items():
                _study(services, instance, _request(name, way, trials, epochs, seed))


def _request(name: str, way: dict[str, Any], trials: int, epochs: int, seed: int) -> StudyRequest:
    config = {"epochs": epochs, "evaluations_per_epoch": 2}
    job = {"training_sheet_id": SHEET, "model_name": "triage", "training_config": config}
    body = {"name": name, "job": job, "space": SPACE, "most_trials": trials, "seed": seed, **way}
    return StudyRequest.model_validate(body)


def _study(services: Services, instance: dg.DagsterInstance, request: StudyRequest) -> None:
    """Run one study to its end, each trial as it is advanced, and print what came of it."""
    name, began, advancing = request.name, time.perf_counter(), 0.0
    services.studies.create(request, created_by="bench")

    def advance() -> bool:
        nonlocal advancing
        start = time.perf_counter()
        ended = services.advance_studies.advance(name).ended_at is not None
        advancing += time.perf_counter() - start
        return ended

    while not advance():
        for trial in records.trials_of(services.store, name):
            if trial.status is TrialStatus.RUNNING and trial.job_id is not None:
                for _ in driven(services, instance, trial.job_id):
                    advance()
    wall = time.perf_counter() - began
    found = services.studies.show(name)
    jobs = {trial.number: services.store.get(trial.job_id or "") for trial in found.trials}
    trained = sum(job.duration_seconds or 0.0 for job in jobs.values())
    pruned = [trial for trial in found.trials if trial.status is TrialStatus.PRUNED]
    lost = sum(jobs[trial.number].duration_seconds or 0.0 for trial in pruned)
    best = "none" if found.best is None else f"{found.best.value:.4f} ({found.best.params})"
    print(f"  {name:7} {found.study.status}: best {best}")
    print(
        f"          {len(pruned)} of {len(found.trials)} stopped early, in {lost:.0f} s of {trained:.0f} s of training;"
        f" {wall:.0f} s in all, {advancing / max(1, len(found.trials)):.2f} s a trial in `advance`"
    )
