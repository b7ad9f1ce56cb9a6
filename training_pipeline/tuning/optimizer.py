"""What Optuna says: which configuration to try next, which trial to stop, and which keys mattered.

Its study is made anew from our rows each time, which takes 30 ms for 200 trials. So there is one truth, and nothing of
Optuna's that a death could leave behind: a question that was never written down is asked again, and answered alike.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from training_pipeline.domain.search import BASE_MODEL, IntSearch, Search, WordSearch
from training_pipeline.domain.study import StudyRequest, Trial, TrialStatus
from training_pipeline.domain.study_space import combinations, every, key_of
from training_pipeline.tuning.objective import sign_of

if TYPE_CHECKING:
    import optuna

#: How often another configuration is drawn instead of one that was tried already.
_DRAWS: Final = 20
#: Fewer succeeded trials than this say nothing of what mattered.
LEAST_TOLD: Final = 8


@dataclass(frozen=True, slots=True)
class Observation:
    """A trial with its loss after each evaluation so far, as Optuna is told of it; NaN is no finite number."""

    trial: Trial
    curve: tuple[float, ...] = ()


def ask(request: StudyRequest, told: Sequence[Observation], number: int) -> dict[str, Any] | None:
    """The configuration of trial `number`, the same for the same trials; None where every one was tried.

    Trials that still run count as bad ones, so that those beside each other differ.
    """
    tried = {key_of(one.trial.params) for one in told}
    count = combinations(request.space)
    if count is not None and len(tried) >= count:
        return None
    found: dict[str, Any] = {}
    for draw in range(_DRAWS):
        found = _draw(request, told, number, draw)
        if key_of(found) not in tried:
            return found
    return found if count is None else _untried(request.space.searched, tried)


def stop_after(request: StudyRequest, told: Iterable[Observation], judged: Sequence[Observation]) -> list[int | None]:
    """After which evaluation the pruner stops each trial, the first being 1; None where it may go on.

    It judges by the validation loss, also where a suite chooses: that has a score once a trial has ended. A trial is
    judged among its `peers`. Evaluations that were judged before are not judged again.
    """
    if request.pruner.kind == "none" or not judged:
        return [None] * len(judged)
    distributions, known = _distributions(request.space.searched), list(told)
    among = {_pool(request, one): peers(request, known, one) for one in judged}
    studies = {pool: _study(request, found) for pool, found in among.items()}

    def stops(one: Observation, evaluation: int) -> bool:
        study, until = studies[_pool(request, one)], Observation(one.trial, one.curve[:evaluation])
        with warnings.catch_warnings():  # NumPy's, where no loss so far was a number: such a trial is stopped
            warnings.simplefilter("ignore", RuntimeWarning)
            return study.pruner.prune(study, _frozen(until, distributions, 1))

    fresh = (range(one.trial.judged + 1, len(one.curve) + 1) for one in judged)
    return [next((at for at in each if stops(one, at)), None) for one, each in zip(judged, fresh, strict=True)]


def peers(request: StudyRequest, told: Iterable[Observation], one: Observation) -> list[Observation]:
    """The trials whose validation losses may be compared with those of `one`.

    All of them where the loss chooses, for such a study has one tokenizer; else those on its base model.
    """
    return [each for each in told if _pool(request, each) == _pool(request, one)]


def _pool(request: StudyRequest, one: Observation) -> str | None:
    return None if request.objective == "val_loss" else one.trial.params.get(BASE_MODEL)


def rank(told: Iterable[Observation], judged: Observation, evaluation: int) -> tuple[int, int]:
    """The place of a trial among those that had this evaluation, and how many those are; NaN is the last."""
    values = [_or_worst(one.curve[evaluation - 1]) for one in told if len(one.curve) >= evaluation]
    return 1 + sum(value < _or_worst(judged.curve[evaluation - 1]) for value in values), len(values)


def _or_worst(loss: float) -> float:
    return math.inf if math.isnan(loss) else loss


def importances(request: StudyRequest, told: Sequence[Observation]) -> dict[str, float]:
    """How much of the differences each key makes, the most first; empty where too few trials have succeeded."""
    succeeded = [one for one in told if one.trial.status is TrialStatus.SUCCEEDED]
    if len(succeeded) < LEAST_TOLD or len({one.trial.value for one in succeeded}) < 2:
        return {}
    import optuna

    found = optuna.importance.get_param_importances(_study(request, succeeded))
    return {name: float(share) for name, share in found.items()}


def _draw(request: StudyRequest, told: Iterable[Observation], number: int, draw: int) -> dict[str, Any]:
    """A draw; its seed is its own, so that the same one comes out after a death."""
    digest = hashlib.sha256(f"{request.seed}:{number}:{draw}".encode()).digest()
    if request.objective == "suite" and request.space.base_model is not None:
        told = [
            Observation(one.trial) for one in told
        ]  # the losses of pruned trials are not compared between base models
    study = _study(request, told, seed=int.from_bytes(digest[:4], "big"))
    return dict(study.ask(_distributions(request.space.searched)).params)


def _untried(searched: Mapping[str, Search], tried: set[Any]) -> dict[str, Any] | None:
    grid = itertools.product(*(every(search) or () for search in searched.values()))
    each = (dict(zip(searched, values, strict=True)) for values in grid)
    return next((params for params in each if key_of(params) not in tried), None)


def _study(request: StudyRequest, told: Iterable[Observation], *, seed: int = 0) -> optuna.Study:
    import optuna  # half a second, and only where a study is advanced

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler: optuna.samplers.BaseSampler
    if request.sampler == "random":
        sampler = optuna.samplers.RandomSampler(seed=seed)
    else:
        sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    # Optuna stops none at a step below `n_warmup_steps`; our first evaluation is step 1.
    pruner = optuna.pruners.MedianPruner(
        n_startup_trials=request.pruner.startup_trials, n_warmup_steps=request.pruner.warmup_evaluations + 1
    )
    study = optuna.create_study(direction="minimize", sampler=sampler, pruner=pruner)
    distributions = _distributions(request.space.searched)
    sign = sign_of(request)
    study.add_trials([_frozen(one, distributions, sign) for one in told])
    return study


def _frozen(told: Observation, distributions: dict[str, Any], sign: int) -> optuna.trial.FrozenTrial:
    """A trial as Optuna has it. Less is better there, so a score of which more is has its sign turned."""
    import optuna

    states = optuna.trial.TrialState
    state = {
        TrialStatus.ASKED: states.RUNNING,
        TrialStatus.RUNNING: states.RUNNING,
        TrialStatus.SUCCEEDED: states.COMPLETE,
        TrialStatus.PRUNED: states.PRUNED,
    }.get(told.trial.status, states.FAIL)
    value = None if told.trial.value is None else sign * told.trial.value
    if state is states.PRUNED:  # as Optuna's own `tell` does
        value = told.curve[-1] if told.curve and math.isfinite(told.curve[-1]) else None
    return optuna.trial.create_trial(
        state=state,
        value=value if state in {states.COMPLETE, states.PRUNED} else None,
        params=told.trial.params,
        distributions=distributions,
        intermediate_values=dict(enumerate(told.curve, start=1)),
    )


def _distributions(searched: Mapping[str, Search]) -> dict[str, Any]:
    return {name: _distribution(search) for name, search in searched.items()}


def _distribution(search: Search) -> optuna.distributions.BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if search.choices is not None:
        return CategoricalDistribution(search.choices)
    if isinstance(search, WordSearch) or search.low is None or search.high is None:
        raise AssertionError("a sound search has choices or both ends")
    if isinstance(search, IntSearch):
        return IntDistribution(search.low, search.high, log=search.log, step=search.step)
    return FloatDistribution(search.low, search.high, log=search.log)
