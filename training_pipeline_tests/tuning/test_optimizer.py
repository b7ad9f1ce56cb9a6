"""What is asked of Optuna, compared with Optuna itself."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import optuna
import pytest

from training_pipeline.domain.study import Trial, TrialStatus
from training_pipeline.testing.studies.trial_life import study_request
from training_pipeline.tuning.optimizer import LEAST_TOLD, Observation, ask, importances, peers, rank, stop_after

#: So many evaluations of so many trials.
CURVES: Final = 110
LONG: Final = 8


def truth() -> list[tuple[float, ...]]:
    """Curves that fall to a level of their own, with noise, some of them with a late turn for the better or worse.

    In every fifth there are losses that were no numbers, from the first evaluation on or between others.
    """
    drawn = random.Random(7)
    found = []
    for number in range(CURVES):
        level, pace = drawn.uniform(0.5, 2.0), drawn.uniform(0.3, 1.5)
        turn = drawn.choice([0.0, 0.0, -0.8, 0.8]) if number % 3 else 0.0
        noise = [drawn.gauss(0, 0.05) for _ in range(LONG)]
        curve = [level + 3 / (1 + pace * at) + (turn if at > 5 else 0) + noise[at - 1] for at in range(1, LONG + 1)]
        if number % 5 == 4:
            first = drawn.randrange(LONG - 1)
            curve[first : drawn.randrange(first, LONG - 1) + 1] = []
            curve[first:first] = [math.nan] * (LONG - len(curve))
        found.append(tuple(curve))
    return found


def trial(number: int, status: TrialStatus, value: float | None = None, **params: Any) -> Trial:
    stated = params or {"learning_rate": 1e-5 * number, "lora_rank": 8}
    return Trial(study="s", number=number, params=stated, status=status, value=value, asked_at=datetime.now(UTC))


def of_optuna(curves: Sequence[Sequence[float]], startup: int, warmup: int) -> list[int | None]:
    """After which evaluation Optuna stops each, in its own loop, with steps from 0 as it counts them itself."""
    pruner = optuna.pruners.MedianPruner(n_startup_trials=startup, n_warmup_steps=warmup)
    study = optuna.create_study(direction="minimize", sampler=optuna.samplers.RandomSampler(seed=1), pruner=pruner)
    stopped: list[int | None] = []
    for curve in curves:
        asked = study.ask()
        at = None
        for step, loss in enumerate(curve):
            asked.report(loss, step)
            if asked.should_prune():
                at = step + 1
                break
        stopped.append(at)
        if at is None:
            study.tell(asked, curve[-1])
        else:
            study.tell(asked, state=optuna.trial.TrialState.PRUNED)
    return stopped


@pytest.mark.filterwarnings("ignore:All-NaN slice:RuntimeWarning")  # in `of_optuna`
@pytest.mark.parametrize(("startup", "warmup"), [(5, 1), (1, 0), (1, 1), (10, 3)])
def test_the_pruner_stops_whom_optuna_stops(startup: int, warmup: int) -> None:
    curves = truth()
    request = study_request(pruner={"startup_trials": startup, "warmup_evaluations": warmup})
    told: list[Observation] = []
    stopped: list[int | None] = []
    for number, curve in enumerate(curves, start=1):
        running = Observation(trial(number, TrialStatus.RUNNING), curve)
        (at,) = stop_after(request, told, [running])
        stopped.append(at)
        if at is None:
            told.append(Observation(trial(number, TrialStatus.SUCCEEDED, curve[-1]), curve))
        else:
            told.append(Observation(trial(number, TrialStatus.PRUNED), curve[:at]))
    wanted = of_optuna(curves, startup, warmup)
    assert stopped == wanted
    assert 20 < sum(at is not None for at in wanted) < CURVES - 10
    assert not any(stopped[:startup])
    broken = [at for curve, at in zip(curves, wanted, strict=True) if any(map(math.isnan, curve))]
    assert any(at is not None for at in broken)
    assert not all(at is not None for at in broken)
    assert min(at for at in stopped if at is not None) == warmup + 1, "none in its first ones, and some right after"
    none = request.model_copy(update={"pruner": request.pruner.model_copy(update={"kind": "none"})})
    assert not any(stop_after(none, told, told))


def test_the_same_question_has_the_same_answer_and_trials_beside_each_other_differ() -> None:
    request = study_request(most_at_once=4)
    told = [Observation(trial(number, TrialStatus.SUCCEEDED, float(number))) for number in range(1, 13)]
    asked = ask(request, told, 13)
    assert asked is not None
    assert asked == ask(request, told, 13)
    running = [*told, Observation(trial(13, TrialStatus.RUNNING, **asked))]
    assert ask(request, running, 14) != asked
    assert ask(request, told[:1], 2) != ask(request, told[:1], 3)
    assert 1e-5 <= asked["learning_rate"] <= 1e-2
    assert asked["lora_rank"] in {4, 8, 16, 32}


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_no_configuration_is_tried_twice_and_every_one_once(sampler: str) -> None:
    space = {"lora_rank": {"choices": [4, 8]}, "epochs": {"low": 1, "high": 3}}
    request = study_request(space=space, sampler=sampler, most_trials=6)
    told: list[Observation] = []
    while (params := ask(request, told, len(told) + 1)) is not None:
        told.append(Observation(trial(len(told) + 1, TrialStatus.FAILED, **params)))
    assert len({tuple(sorted(one.trial.params.items())) for one in told}) == len(told) == 6


def test_what_mattered_is_told_once_enough_is_known() -> None:
    request = study_request()
    drawn = random.Random(3)

    def one(number: int) -> Observation:
        rate = 10 ** drawn.uniform(-5, -2)
        rank = drawn.choice([4, 8, 16, 32])
        return Observation(trial(number, TrialStatus.SUCCEEDED, rate, learning_rate=rate, lora_rank=rank))

    told = [one(number) for number in range(1, 41)]
    found = importances(request, told)
    assert list(found) == ["learning_rate", "lora_rank"]
    assert found["learning_rate"] > 0.7
    assert importances(request, told[: LEAST_TOLD - 1]) == {}
    same = [Observation(each.trial.model_copy(update={"value": 1.0})) for each in told]
    assert importances(request, same) == {}


def test_the_place_among_those_that_came_so_far() -> None:
    curves = [(3.0, 2.0), (3.0, 1.0), (4.0,), (2.0, 3.0)]
    told = [Observation(trial(number, TrialStatus.RUNNING), curve) for number, curve in enumerate(curves, start=1)]
    assert rank(told, told[3], 2) == (3, 3)
    assert rank(told, told[3], 1) == (1, 4)
    lost = [*told, Observation(trial(5, TrialStatus.RUNNING), (math.nan, 1.5))]
    assert rank(lost, lost[4], 1) == (5, 5)
    assert rank(lost, told[2], 1) == (4, 5)


def test_a_trial_that_was_stopped_where_its_loss_was_no_number_is_told_to_the_sampler() -> None:
    told = [Observation(trial(number, TrialStatus.PRUNED), (3.0, math.nan)) for number in range(1, 13)]
    assert ask(study_request(), told, 13) is not None


def test_losses_are_not_compared_between_base_models_where_a_suite_chooses() -> None:
    space = {"base_model": {"choices": ["a", "b"]}, "lora_rank": {"low": 1, "high": 64}}
    of_suite = study_request(space=space, objective="suite", suite="s", pruner={"startup_trials": 1})
    told = [Observation(trial(1, TrialStatus.SUCCEEDED, 0.9, base_model="a", lora_rank=1), (1.0, 1.0, 1.0))]
    worse = [
        Observation(trial(2, TrialStatus.RUNNING, base_model=name, lora_rank=2), (9.0, 9.0)) for name in ("a", "b")
    ]
    assert stop_after(of_suite, told, worse) == [2, None]
    assert peers(of_suite, told, worse[1]) == []
    by_loss = of_suite.model_copy(update={"objective": "val_loss"})
    assert stop_after(by_loss, told, worse) == [2, 2]
    # Nor by what is tried next: it is the same whatever the losses of pruned trials were.
    pruned = [Observation(trial(2, TrialStatus.PRUNED, base_model="b", lora_rank=2), (loss,)) for loss in (1.0, 9.0)]
    first, second = (ask(of_suite, [*told, one], 3) for one in pruned)
    assert first == second
