"""What a study that is asked for would do, and everything that is wrong with it, before it is stored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.domain.errors import FieldProblem, InvalidRequest, PipelineError
from training_pipeline.domain.estimate.estimate import Estimate
from training_pipeline.domain.study import StudyRequest
from training_pipeline.domain.study_space import middle, probes, problems_of
from training_pipeline.domain.training_config import JobRequest
from training_pipeline.training_jobs.lifecycle.dry_run import DryRun
from training_pipeline.training_jobs.lifecycle.service import JobService
from training_pipeline.tuning.objective import Objectives


class StudyPlanner:
    """Plans one trial of a study and looks for what no trial could do. Stores nothing."""

    def __init__(self, jobs: JobService, backend: FineTuningBackend, objectives: Objectives) -> None:
        self._jobs, self._backend, self._objectives = jobs, backend, objectives

    def plan(self, request: StudyRequest) -> DryRun:
        """The dry run of one trial in the middle of the space, with a look at the suite; stores nothing.

        Raises `InvalidRequest` with every problem, and what planning a job raises: `GateRefused`, `SplitRefused`,
        `NotFound` …
        """
        problems = problems_of(request)
        sound = not problems
        base = self._base(request, at_middle=sound)
        problems += self._refused(request) if sound else []
        plan = None
        try:
            plan = self._jobs.plan(base)
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
        problems += _of_budget(request, None if plan is None else plan.estimate)
        if plan is not None:
            problems += [*self._objectives.problems_of(request), *_of_memory(plan)]
        if problems or plan is None:
            raise InvalidRequest("The study cannot be created.", problems=_once(problems))
        return plan

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


def _of_job(problem: FieldProblem) -> FieldProblem:
    return FieldProblem(f"/job{problem.pointer}", problem.code, problem.message)


def _once(problems: Iterable[FieldProblem]) -> list[FieldProblem]:
    return list(dict.fromkeys(problems))


def _of_memory(plan: DryRun) -> list[FieldProblem]:
    """A base model that needs more memory than there is: a job is warned of it, a study would fail again and again."""
    return [
        FieldProblem("/job/base_model", "does_not_fit", f"does not fit, in the middle of the space: {advice.reason}")
        for advice in plan.advice.advice
        if advice.rule == "memory"
    ]


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
