"""The verbs of studies: create, list, show, stop, promote. `advance` does what a study needs next."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.domain.errors import Conflict, NotFound
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.study import (
    LIVE_STUDIES,
    Study,
    StudyRequest,
    StudyStatus,
    Trial,
    TrialStatus,
    best_of,
)
from training_pipeline.models.evaluation.records import Evaluation
from training_pipeline.training_jobs.lifecycle.dry_run import DryRun
from training_pipeline.training_jobs.lifecycle.predecessor import chosen_predecessor
from training_pipeline.training_jobs.lifecycle.service import JobService
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.tuning import records
from training_pipeline.tuning.base_models import asked_in_the_middle, identified
from training_pipeline.tuning.mattered import Importances, WhatMattered
from training_pipeline.tuning.objective import Objectives, sign_of
from training_pipeline.tuning.optimizer import Observation
from training_pipeline.tuning.planning import StudyPlanner
from training_pipeline.tuning.promoting import Promoting
from training_pipeline.tuning.records import Effort, StudyFacets
from training_pipeline.tuning.scoring import Scoring


@dataclass(frozen=True, slots=True)
class StudyDetails:
    """A study with its trials: their curves, what their jobs have done, the best, how good it is, and what mattered."""

    study: Study
    trials: list[Trial]
    curves: dict[int, tuple[float, ...]]
    efforts: dict[int, Effort]
    best: Trial | None
    #: Of the best trial, on pairs that did not choose it; None where there is none.
    report: Evaluation | None
    importances: Importances


class Studies:
    """Creates, finds and ends studies. It starts no trial itself."""

    def __init__(
        self, store: JobStore, jobs: JobService, backend: FineTuningBackend, objectives: Objectives, scoring: Scoring
    ) -> None:
        self._store, self._jobs, self._backend, self._scoring = store, jobs, backend, scoring
        self._promoting = Promoting(store, jobs, scoring)
        self._planner = StudyPlanner(jobs, backend, objectives)
        self._mattered = WhatMattered()

    def create(self, request: StudyRequest, *, created_by: str) -> Study:
        """Store a study that runs; again with the same request: the one that is there.

        Raises what `plan` does.
        """
        taken = records.find(self._store, request.name)
        if taken is not None:
            return _same(taken, request)
        plans = self._planner.plan(request)
        study = Study(
            name=request.name,
            request=request,
            status=StudyStatus.RUNNING,
            created_by=created_by,
            created_at=records.now(),
            split_predecessor=chosen_predecessor(self._store, request.job),
            estimate=plans[asked_in_the_middle(request)].estimate,
            base_models=identified(self._backend, plans),
        )
        return _same(records.add(self._store, study), request)

    def plan(self, request: StudyRequest) -> dict[str | None, DryRun]:
        """The dry run of a trial in the middle of the space on each base model, with all that is wrong; stores nothing.

        Raises `Conflict` where the name is taken by another study, and what `StudyPlanner.plan` does.
        """
        taken = records.find(self._store, request.name)
        if taken is not None:
            _same(taken, request)
        return self._planner.plan(request)

    def problems(self, request: StudyRequest) -> None:
        """Raise `InvalidRequest` with all that is wrong with a study of whatever name, and what planning raises."""
        self._planner.plan(request)

    def page(
        self,
        *,
        limit: int,
        offset: int = 0,
        after: tuple[datetime, str] | None = None,
        statuses: Collection[StudyStatus] = (),
        training_sheet_id: str | None = None,
        created_by: str | None = None,
    ) -> tuple[list[tuple[Study, list[Trial]]], int]:
        """Studies that match with their trials, the newest first, and how many there are in all. Reads only."""
        found, total = records.page(
            self._store,
            limit=limit,
            offset=offset,
            after=after,
            statuses=statuses,
            training_sheet_id=training_sheet_id,
            created_by=created_by,
        )
        trials = records.trials_of_all(self._store, [study.name for study in found])
        return [(study, trials[study.name]) for study in found], total

    def facets(self) -> StudyFacets:
        """The values that studies may be filtered by. Reads only."""
        return records.facets(self._store)

    def get(self, name: str) -> Study:
        """A study; raises `NotFound`. Reads only."""
        return records.get(self._store, name)

    def show(self, name: str) -> StudyDetails:
        """A study with all that is known of it; raises `NotFound`. Reads only."""
        study = records.get(self._store, name)
        trials = records.trials_of(self._store, name)
        curves = records.curves(self._store, trials)
        told = [Observation(trial, curves.get(trial.number, ())) for trial in trials]
        efforts = records.efforts(self._store, trials)
        best = best_of(trials, sign=sign_of(study.request))
        report = self._scoring.reported(study.request, best)
        mattered = self._mattered.of(study.request, told)
        return StudyDetails(study, trials, curves, efforts, best, report, mattered)

    def stop(self, name: str, *, actor: str, reason: str, let_finish: bool = False) -> Study:
        """Start no more trials, and cancel those that run unless they may finish. Idempotent. Raises `NotFound`.

        A study that ends already goes on ending, its trials cancelled where that is asked for now; one that has ended
        stays as it is.
        """
        why = f"stopped by {actor}: {reason}"
        values: dict[str, Any] = {"status": StudyStatus.ENDING, "outcome": StudyStatus.STOPPED, "why": why}
        if not records.change(self._store, name, {**values, "cancels": not let_finish}, status=StudyStatus.RUNNING):
            records.get(self._store, name)
            if not let_finish:
                records.change(self._store, name, {"cancels": True}, status=StudyStatus.ENDING)
        return records.get(self._store, name)

    def promote(self, name: str, *, number: int | None = None, actor: str) -> TrainingJob:
        """Create an ordinary job with the best configuration, or that of a trial, that registers its model.

        Again: the job that is there, unless it came to nothing. Raises `NotFound`, `Conflict` for a study that has not
        ended where no trial is named and for a trial that has not succeeded, and what creating a job raises.
        """
        study = records.get(self._store, name)
        trial = self._winner(study, number)
        return self._promoting.promote(study, trial, actor=actor)

    def _winner(self, study: Study, number: int | None) -> Trial:
        trials = records.trials_of(self._store, study.name)
        if number is None:
            if study.status in LIVE_STUDIES:
                hint = "Wait, stop it, or name a trial that has succeeded."
                raise Conflict(f"The study {study.name} has not ended: its best trial may not be the last.", hint=hint)
            best = best_of(trials, sign=sign_of(study.request))
            if best is None:
                raise Conflict(f"No trial of the study {study.name} has succeeded.")
            return best
        trial = next((each for each in trials if each.number == number), None)
        if trial is None:
            raise NotFound(f"The study {study.name} has no trial {number}.")
        if trial.status is not TrialStatus.SUCCEEDED:
            raise Conflict(f"Trial {number} of the study {study.name} is {trial.status}; only a succeeded one is kept.")
        return trial


def _same(study: Study, request: StudyRequest) -> Study:
    if study.request != request:
        raise Conflict(
            f"The name {request.name!r} is taken by another study, of {study.created_by}.",
            hint="Choose another name, such as one with a date.",
        )
    return study
