"""The verbs of studies: create, list, show, stop, promote. `advance` does what a study needs next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.domain.errors import Conflict, FieldProblem, InvalidRequest, NotFound, PipelineError
from training_pipeline.domain.estimate.estimate import Estimate
from training_pipeline.domain.job import ACTIVE, JobStatus, TrainingJob
from training_pipeline.domain.study import (
    LIVE_STUDIES,
    Study,
    StudyRequest,
    StudyStatus,
    Trial,
    TrialStatus,
    best_of,
    winning_request,
)
from training_pipeline.domain.study_space import middle, probes, problems_of
from training_pipeline.domain.training_config import JobRequest
from training_pipeline.training_jobs.lifecycle.predecessor import chosen_predecessor
from training_pipeline.training_jobs.lifecycle.service import JobService
from training_pipeline.training_jobs.store.events import EventType, record_event
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.tuning import records
from training_pipeline.tuning.optimizer import Told, importances


@dataclass(frozen=True, slots=True)
class StudyDetails:
    """A study with its trials, their curves, the best of them, and how much each key mattered."""

    study: Study
    trials: list[Trial]
    curves: dict[int, tuple[float, ...]]
    best: Trial | None
    importances: dict[str, float]


class Studies:
    """Creates, finds and ends studies. It starts no trial itself."""

    def __init__(self, store: JobStore, jobs: JobService, backend: FineTuningBackend) -> None:
        self._store, self._jobs, self._backend = store, jobs, backend

    def create(self, request: StudyRequest, *, created_by: str) -> Study:
        """Store a study that runs; again with the same request: the one that is there.

        One trial in the middle of the space is planned, as a dry run. Raises `InvalidRequest` with every problem,
        `Conflict` where the name is taken, and what planning a job raises: `GateRefused`, `SplitRefused`, `NotFound` …
        """
        taken = records.find(self._store, request.name)
        if taken is not None:
            return _same(taken, request)
        problems = problems_of(request)
        sound = not problems
        base = self._base(request, at_middle=sound)
        problems += self._refused(request) if sound else []
        estimate = None
        try:
            plan = self._jobs.plan(base)
            estimate = plan.estimate
            if plan.config.method == "full" and "method" not in request.space.searched:
                problems += [
                    FieldProblem(f"/space/{name}", "no_effect", "changes nothing: this base model is trained in full")
                    for name in request.space.searched
                    if name.startswith("lora_") and request.job.training_config.method == "auto"
                ]
        except InvalidRequest as error:
            told = {problem.pointer for problem in problems}
            found = (_of_job(problem) for problem in error.problems)
            problems += [problem for problem in found if problem.pointer not in told]
            if not problems:
                raise
        except PipelineError:
            if not problems:
                raise
        problems += _of_budget(request, estimate)
        if problems or estimate is None:
            raise InvalidRequest("The study cannot be created.", problems=_once(problems))
        study = Study(
            name=request.name,
            request=request,
            status=StudyStatus.RUNNING,
            created_by=created_by,
            created_at=records.now(),
            split_predecessor=chosen_predecessor(self._store, request.job),
            estimate=estimate,
        )
        return _same(records.add(self._store, study), request)

    def latest(self) -> list[tuple[Study, list[Trial]]]:
        """The newest studies with their trials. Reads only."""
        found = records.latest(self._store)
        trials = records.trials_of_all(self._store, [study.name for study in found])
        return [(study, trials[study.name]) for study in found]

    def get(self, name: str) -> Study:
        """A study; raises `NotFound`. Reads only."""
        return records.get(self._store, name)

    def show(self, name: str) -> StudyDetails:
        """A study with all that is known of it; raises `NotFound`. Reads only."""
        study = records.get(self._store, name)
        trials = records.trials_of(self._store, name)
        curves = records.curves(self._store, trials)
        told = [Told(trial, curves.get(trial.number, ())) for trial in trials]
        return StudyDetails(study, trials, curves, best_of(trials), importances(study.request, told))

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
        if trial.promoted_job_id is not None:
            job = self._store.get(trial.promoted_job_id)
            if job.status in {*ACTIVE, JobStatus.SUCCEEDED}:
                return job

        def also(connection: Connection, job: TrainingJob) -> None:
            if not records.promoted(connection, trial, job.id):
                raise _Overtaken
            record_event(connection, job.id, EventType.INFO, _said(study, trial), actor)

        try:
            return self._jobs.create(winning_request(study, trial), created_by=actor, also=also)
        except _Overtaken:
            return self.promote(name, number=number, actor=actor)

    def _winner(self, study: Study, number: int | None) -> Trial:
        trials = records.trials_of(self._store, study.name)
        if number is None:
            if study.status in LIVE_STUDIES:
                hint = "Wait, stop it, or name a trial that has succeeded."
                raise Conflict(f"The study {study.name} has not ended: its best trial may not be the last.", hint=hint)
            best = best_of(trials)
            if best is None:
                raise Conflict(f"No trial of the study {study.name} has succeeded.")
            return best
        trial = next((each for each in trials if each.number == number), None)
        if trial is None:
            raise NotFound(f"The study {study.name} has no trial {number}.")
        if trial.status is not TrialStatus.SUCCEEDED:
            raise Conflict(f"Trial {number} of the study {study.name} is {trial.status}; only a succeeded one is kept.")
        return trial

    def _base(self, request: StudyRequest, *, at_middle: bool) -> JobRequest:
        """The request that is planned: in the middle of a sound space."""
        stated = request.job.training_config.model_dump(exclude_unset=True)
        config = {**stated, **(middle(request.space) if at_middle else {})}
        return request.job.model_copy(
            update={"training_config": request.job.training_config.model_validate(config), "register_to_uc": False}
        )

    def _refused(self, request: StudyRequest) -> list[FieldProblem]:
        """What the backend says against the values of each key, the others being in the middle."""
        at_middle = self._base(request, at_middle=True).training_config
        ground = {problem.code for problem in self._problems(request, at_middle)}
        found = []
        for name, search in request.space.searched.items():
            for value in probes(search):
                config = at_middle.model_validate({**at_middle.model_dump(exclude_unset=True), name: value})
                new = [problem for problem in self._problems(request, config) if problem.code not in ground]
                found += [
                    FieldProblem(f"/space/{name}", each.code, f"with {value}: {each.pointer[1:]} {each.message}")
                    for each in new[:1]
                ]
        return found

    def _problems(self, request: StudyRequest, config: Any) -> list[FieldProblem]:
        try:
            self._backend.plan(request.job.base_model, config, train_pairs=None)
        except InvalidRequest as error:
            return list(error.problems) or [FieldProblem("/job", error.code, error.message)]
        return []


class _Overtaken(Exception):
    """Somebody else promoted the trial a moment before."""


def _same(study: Study, request: StudyRequest) -> Study:
    if study.request != request:
        raise Conflict(
            f"The name {request.name!r} is taken by another study, of {study.created_by}.",
            hint="Choose another name, such as one with a date.",
        )
    return study


def _of_job(problem: FieldProblem) -> FieldProblem:
    return FieldProblem(f"/job{problem.pointer}", problem.code, problem.message)


def _once(problems: Iterable[FieldProblem]) -> list[FieldProblem]:
    return list(dict.fromkeys(problems))


def _of_budget(request: StudyRequest, estimate: Estimate | None) -> list[FieldProblem]:
    """A budget that buys not one trial, or that nobody can count."""
    if estimate is None:
        return []
    found = []
    seconds, cost = estimate.time.low, estimate.cost
    if request.hours is not None and seconds is not None and seconds > request.hours * 3600:
        said = f"buys not one trial, which is estimated to take {seconds / 3600:.2g} hours at least"
        found.append(FieldProblem("/hours", "too_little", said))
    if request.cost is not None and cost.low is None:
        found.append(FieldProblem("/cost", "no_estimate", f"cannot be kept: {cost.reason or 'it is not known'}"))
    elif request.cost is not None and cost.low is not None and cost.low > request.cost:
        said = f"buys not one trial, which is estimated to cost {cost.low:.2f} {estimate.currency} at least"
        found.append(FieldProblem("/cost", "too_little", said))
    return found


def _said(study: Study, trial: Trial) -> str:
    value = "" if trial.value is None else f" of {trial.value:.6g}"
    return (
        f"Configuration of trial {trial.number} of the study {study.name}. Its validation loss{value} is selected: the "
        "same pairs chose it, so that it flatters the model. Evaluate the model on a suite."
    )
