"""What a study that is asked for would do, and everything that is wrong with it, before it is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.domain.errors import FieldProblem, InvalidRequest, PipelineError
from training_pipeline.domain.estimate.estimate import Estimate
from training_pipeline.domain.search import BASE_MODEL
from training_pipeline.domain.study import StudyRequest, with_values
from training_pipeline.domain.study_space import middle, probes, problems_of
from training_pipeline.domain.training_config import JobRequest, problems_of_names
from training_pipeline.training_jobs.lifecycle.dry_run import DryRun
from training_pipeline.training_jobs.lifecycle.service import JobService
from training_pipeline.tuning import base_models, memory
from training_pipeline.tuning.objective import Objectives

#: So many refused values of a key are named beside the first.
_NAMED: Final = 3


class StudyPlanner:
    """Plans one trial of a study on each of its base models, and looks for what no trial could do. Stores nothing."""

    def __init__(self, jobs: JobService, backend: FineTuningBackend, objectives: Objectives) -> None:
        self._jobs, self._backend, self._objectives = jobs, backend, objectives

    def plan(self, request: StudyRequest) -> dict[str | None, DryRun]:
        """The dry run of a trial in the middle of the space on each base model, with a look at the suite.

        Raises `InvalidRequest` with every problem, and what planning a job raises: `GateRefused`, `SplitRefused`,
        `NotFound` …
        """
        problems = problems_of(request)
        sound = not problems
        winner = request.job.model_copy(update={"register_to_uc": True})
        problems += [_of_job(request, each) for each in problems_of_names(winner)]
        plans: dict[str | None, DryRun] = {}
        found: dict[str | None, list[FieldProblem]] = {}
        for asked in request.base_models if sound else (request.job.base_model,):
            at_middle = {**middle(request.space), BASE_MODEL: asked} if sound else {}
            base = with_values(request.job, at_middle).model_copy(update={"register_to_uc": False})
            said = found[asked] = self._refused(request, base) if sound else []
            try:
                plans[asked] = self._jobs.plan(base)
                said += _of_budget(request, plans[asked].estimate)
                said += memory.problems_of(request, partial(self._lacks_memory, base, plans[asked]))
            except InvalidRequest as error:
                told = {problem.pointer for problem in [*problems, *said]}
                said += [one for each in error.problems if (one := _of_job(request, each)).pointer not in told]
                if not problems and not said:
                    raise
            except PipelineError:
                if not problems and not any(found.values()):
                    raise
        problems += [*of_base_models(found), *_of_no_effect(request, plans), *base_models.problems_of(request, plans)]
        try:
            problems += self._objectives.problems_of(request)
        except PipelineError:  # as planning was told, where something else is wrong as well
            if not problems:
                raise
        if problems:
            raise InvalidRequest("The study cannot be created.", problems=list(dict.fromkeys(problems)))
        return plans

    def _refused(self, request: StudyRequest, at_middle: JobRequest) -> list[FieldProblem]:
        """What the backend says against the values of each key, the others being in the middle; each thing once.

        Asks of every value of a whole number: one between two that go may be refused.
        """
        ground = {problem.code for problem in self._problems(at_middle)}
        found = []
        for name, search in request.space.searched.items():
            refused: dict[str, dict[Any, FieldProblem]] = {}
            for value in () if name == BASE_MODEL else probes(search):
                for problem in self._problems(with_values(at_middle, {name: value})):
                    if problem.code not in ground:
                        refused.setdefault(problem.code, {}).setdefault(value, problem)
            found += [FieldProblem(f"/space/{name}", code, _of_values(each)) for code, each in refused.items()]
        return found

    def _lacks_memory(self, at_middle: JobRequest, like: DryRun, values: Mapping[str, Any]) -> str | None:
        """Why a trial with these values needs more memory than there is, of which a job is only warned."""
        try:
            told = self._jobs.advice(with_values(at_middle, values), like)
        except InvalidRequest:  # which is told of the value
            return None
        return next((advice.reason for advice in told.advice if advice.rule == "memory"), None)

    def _problems(self, job: JobRequest) -> list[FieldProblem]:
        try:
            self._backend.plan(job.base_model, job.training_config, train_pairs=None)
        except InvalidRequest as error:
            return list(error.problems) or [FieldProblem("/job", error.code, error.message)]
        return []


def _of_values(refused: Mapping[Any, FieldProblem]) -> str:
    """What is said against the first of the values, and for which others it holds as well."""
    first, *others = refused
    named = ", ".join(map(str, others[:_NAMED])) + (f" and {len(others) - _NAMED:,} more" * (len(others) > _NAMED))
    said = f"with {first}: {refused[first].pointer[1:]} {refused[first].message}"
    return f"{said}; likewise with {named}" if others else said


def _of_job(request: StudyRequest, problem: FieldProblem) -> FieldProblem:
    searched = problem.pointer == f"/{BASE_MODEL}" and request.space.base_model is not None
    return FieldProblem(f"/{'space' if searched else 'job'}{problem.pointer}", problem.code, problem.message)


def of_base_models(found: Mapping[str | None, Sequence[FieldProblem]]) -> list[FieldProblem]:
    """The problems of all base models; what not all of them have names the one that has it."""
    return [
        each
        if all(each in others for others in found.values())
        else FieldProblem(each.pointer, each.code, f"with {asked}: {each.message}")
        for asked, problems in found.items()
        for each in problems
    ]


def _of_no_effect(request: StudyRequest, plans: Mapping[str | None, DryRun]) -> list[FieldProblem]:
    """Keys of adapters where every base model is trained in full though nobody asked for it."""
    searched, asked = request.space.searched, request.job.training_config.method
    if not plans or asked != "auto" or "method" in searched or any(p.config.method != "full" for p in plans.values()):
        return []
    of = "this base model is" if len(plans) == 1 else "these base models are"
    return [
        FieldProblem(f"/space/{name}", "no_effect", f"changes nothing: {of} trained in full")
        for name in searched
        if name.startswith("lora_")
    ]


def _of_budget(request: StudyRequest, estimate: Estimate) -> list[FieldProblem]:
    """A budget that buys not one trial, or that nobody can count."""
    found = []
    seconds, cost = estimate.time.low, estimate.cost
    if request.hours is not None and seconds is not None and seconds > request.hours * 3600:
        said = f"buys not one trial, which is estimated to take {seconds / 3600:.2g} hours at least"
        found.append(FieldProblem("/hours", "too_little", said))
    if request.cost is not None and cost.middle is None:
        found.append(FieldProblem("/cost", "no_estimate", f"cannot be kept: {cost.reason or 'it is not known'}"))
    elif request.cost is not None and cost.middle is not None and cost.middle > request.cost:  # as trials are counted
        said = f"buys not one trial, which is estimated to cost {cost.middle:.2f} {estimate.currency}"
        found.append(FieldProblem("/cost", "too_little", said))
    return found
