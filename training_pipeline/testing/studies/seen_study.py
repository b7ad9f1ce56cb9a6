"""A study with trials of every kind, written down as if it had been: nothing is trained, and nobody advances it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import insert

from training_pipeline.app.container import Services
from training_pipeline.domain.estimate.estimate import Estimate, Estimated
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.domain.study import Study, StudyRequest, StudyStatus, Trial, TrialStatus, best_of
from training_pipeline.schemas.study import StudyPage
from training_pipeline.testing.jobs.jobs import new_job, point
from training_pipeline.training_jobs.store import metrics
from training_pipeline.tuning import records
from training_pipeline.tuning.mattered import Importances
from training_pipeline.tuning.records import Effort
from training_pipeline.tuning.studies import StudyDetails
from training_pipeline.tuning.tables import study_trials

#: Learning rate, rank, and how each trial ended. The sixth comes out best.
TRIALS: Final = (
    (1.2e-5, 4, TrialStatus.SUCCEEDED),
    (6.1e-3, 32, TrialStatus.SUCCEEDED),
    (2.4e-4, 8, TrialStatus.SUCCEEDED),
    (9.0e-5, 16, TrialStatus.SUCCEEDED),
    (3.3e-3, 4, TrialStatus.SUCCEEDED),
    (6.0e-4, 16, TrialStatus.SUCCEEDED),
    (8.8e-3, 8, TrialStatus.PRUNED),
    (4.1e-4, 32, TrialStatus.SUCCEEDED),
    (7.7e-4, 8, TrialStatus.FAILED),
    (1.9e-3, 16, TrialStatus.SUCCEEDED),
    (2.0e-5, 32, TrialStatus.PRUNED),
    (5.2e-4, 4, TrialStatus.CANCELLED),
)
BEST: Final = 6
_JOBS: Final = {
    TrialStatus.SUCCEEDED: JobStatus.SUCCEEDED,
    TrialStatus.PRUNED: JobStatus.CANCELLED,
    TrialStatus.CANCELLED: JobStatus.CANCELLED,
    TrialStatus.FAILED: JobStatus.FAILED,
}
_SAID: Final = {
    TrialStatus.PRUNED: "pruned at evaluation 2: 6th of 7",
    TrialStatus.FAILED: "The training program was killed.",
    TrialStatus.CANCELLED: "Its job was cancelled: no reason given",
}


def seen_study(services: Services, name: str, **values: Any) -> Study:
    """Stores the study, with its trials and their jobs; `values` replace its columns, and its sheet as `sheet_id`."""
    study = study_of(name, **values)
    records.add(services.store, study.model_copy(update={"status": StudyStatus.FINISHED}))  # so that nobody advances it
    for trial in trials_of(study):
        made = _job(services, study, trial)
        curve = _curve(trial)
        points = [point("val_loss", 20 * at, loss) for at, loss in enumerate(curve, start=1)]
        metrics.add_points(services.store, made, points, len(points))
        with services.store.begin() as connection:
            connection.execute(insert(study_trials).values({**trial.model_dump(), "job_id": made.id}))
    records.change(services.store, name, {"status": study.status}, status=StudyStatus.FINISHED)
    return study


def study_page(*, trials: Iterable[Trial] | None = None) -> StudyPage:
    """The study as it is shown; nothing is stored."""
    study = study_of("seen")
    made = trials_of(study) if trials is None else [*trials]
    curves = {trial.number: _curve(trial) for trial in made}
    efforts = {trial.number: Effort(20 * len(curves[trial.number]), 80, 550.0) for trial in made}
    best = best_of(made)
    found = StudyDetails(
        study=study, trials=made, curves=curves, efforts=efforts, best=best, report=None, importances=Importances()
    )
    return StudyPage.of_details(found)


def study_of(name: str, *, sheet_id: str = "sheet-123", **values: Any) -> Study:
    """The study on record, finished where `values`, which replace its columns, do not say otherwise."""
    began = records.now() - timedelta(hours=3)
    request = StudyRequest.model_validate(
        {
            "name": name,
            "job": {"training_sheet_id": sheet_id, "model_name": "triage", "training_config": {"epochs": 2}},
            "space": {"learning_rate": {"low": 1e-5, "high": 1e-2}, "lora_rank": {"choices": [4, 8, 16, 32]}},
            "most_trials": len(TRIALS),
            "most_at_once": 2,
            "hours": 8.0,
            "cost": 50.0,
        }
    )
    estimate = Estimate(
        time=Estimated(middle=600.0, low=480.0, high=750.0, basis="5 jobs like it"),
        cost=Estimated(middle=2.5, low=2.0, high=3.1, basis="5 jobs like it"),
        currency="EUR",
    )
    over = {"why": f"all {len(TRIALS)} trials were made", "ended_at": began + timedelta(minutes=130)}
    return Study.model_validate(
        {
            **{"name": name, "request": request, "created_by": "ada", "created_at": began, "estimate": estimate},
            **{"status": StudyStatus.FINISHED, "dataset_digest": "d" * 64, **over, **values},
        }
    )


def trials_of(study: Study) -> list[Trial]:
    """Its trials, without jobs."""
    found = []
    for number, (rate, rank, status) in enumerate(TRIALS, start=1):
        asked = study.created_at + timedelta(minutes=10 * (number - 1))
        trial = Trial(
            study=study.name,
            number=number,
            params={"learning_rate": rate, "lora_rank": rank},
            status=status,
            pruned_at=2 if status is TrialStatus.PRUNED else None,
            cause="killed" if status is TrialStatus.FAILED else None,
            message=_SAID.get(status, ""),
            estimated_seconds=600.0,
            estimated_cost=2.5,
            asked_at=asked,
            ended_at=asked + timedelta(minutes=9, seconds=7 * number),
        )
        done = status is TrialStatus.SUCCEEDED
        found.append(trial.model_copy(update={"value": _curve(trial)[-1]}) if done else trial)
    return found


def _job(services: Services, study: Study, trial: Trial) -> TrainingJob:
    began, ended = trial.asked_at, trial.ended_at or trial.asked_at
    times = {"created_at": began, "started_at": began, "completed_at": ended, "finalized_at": ended}
    made = new_job(
        model_name=f"{study.name}-t{trial.number}",
        training_sheet_id=study.request.job.training_sheet_id,
        status=_JOBS[trial.status],
        register_to_uc=False,
        current_step=20 * len(_curve(trial)),
        planned_steps=80,
        duration_seconds=(ended - began).total_seconds(),
        **times,
    )
    return services.store.create(made, message="Created.")


def _curve(trial: Trial) -> tuple[float, ...]:
    rate, rank = trial.params["learning_rate"], trial.params["lora_rank"]
    level = 0.4 + 0.2 * (math.log10(rate) + 3.2) ** 2 + {4: 0.1, 8: 0.04, 16: 0.0, 32: 0.02}[rank]
    evaluations = range(1, 3 if trial.status is TrialStatus.PRUNED else 5)
    return tuple(round(level + 0.6 / at**2, 4) for at in evaluations)
