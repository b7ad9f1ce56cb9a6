from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.advice.findings import Ended, Finding, Point, findings
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.testing.jobs.advice_facts import config


def found(losses: list[float], **values: Any) -> dict[str, Finding]:
    """The findings on a curve with an evaluation an epoch, the first before training."""
    configured = {name: values.pop(name) for name in list(values) if name in TrainingConfig.model_fields}
    points = [Point(step=10 * place, epoch=place, val_loss=loss) for place, loss in enumerate(losses)]
    asked = config(**{"epochs": max(1, len(losses) - 1), **configured}).model_dump()
    ended = Ended(config=asked, evaluations=points, **values)
    return {one.rule: one for one in findings(ended)}


def test_validation_that_rose_from_its_best() -> None:
    one = found([5.0, 2.0, 1.0, 1.2])["validation_rose"]
    assert "best at step 20 (1) and rose to 1.2" in one.message
    assert one.changes == {"epochs": 2}
    within = found([5.0, 1.0, 1.3], epochs=1)["validation_rose"]
    assert within.changes == {"early_stopping_patience": 2, "evaluations_per_epoch": 4}
    assert not found([5.0, 2.0, 1.0, 1.01])


def test_a_change_is_only_what_the_job_does_not_have() -> None:
    stops_early = {"epochs": 1, "early_stopping_patience": 1}
    assert found([5.0, 1.0, 1.3], **stops_early, evaluations_per_epoch=4)["validation_rose"].changes == {}
    assert found([5.0, 1.0, 1.3], **stops_early)["validation_rose"].changes == {"evaluations_per_epoch": 4}
    often = found([5.0, 1.0, 1.3], epochs=1, evaluations_per_epoch=20)["validation_rose"]
    assert often.changes == {"early_stopping_patience": 2}


def test_weights_before_training_are_no_best_ones() -> None:
    """Where none was better than they were, fewer epochs mend nothing."""
    (one,) = found([1.0, 8.0, 4.0], train_loss=0.1, learning_rate=0.05).values()
    assert (one.rule, one.changes) == ("never_better", {"learning_rate": 0.017})
    assert "never below that of the base model (1) and ended at 4" in one.message
    assert found([1.0, 8.0], learning_rate=1e-7)["never_better"].changes == {}
    assert not found([1.0, 1.01])
    assert "validation_rose" in found([1.0, 0.9, 8.0])


def test_a_loss_that_was_no_number_any_more() -> None:
    (one,) = found([3.0, 1.0, 0.5, math.nan, math.inf], learning_rate=3e-4).values()
    assert (one.rule, one.changes) == ("diverged", {"learning_rate": 1e-4})
    assert "from step 30 on" in one.message
    assert set(found([3.0, math.nan], succeeded=False)) == {"diverged"}
    failed = {"succeeded": False, "code": "train_loss_not_finite"}
    in_training = found([3.0, 1.0], learning_rate=3e-4, **failed)["diverged"]
    assert in_training.message.startswith("The training loss was no finite number at the end: the training diverged")
    assert in_training.changes == {"learning_rate": 1e-4}
    assert set(found([3.0, math.nan, 1.0])) == {"still_falling"}


@pytest.mark.parametrize("losses", [[5.0, 2.0, 1.0], [5.0, 1.0, 2.0], [1.0, 8.0]])
def test_of_a_job_that_was_ended_early_the_curve_says_nothing(losses: list[float]) -> None:
    measured = {"train_loss": 0.1, "val_accuracy": 1.0, "exact_match": 0.0}
    assert found(losses, **measured)
    assert not found(losses, **measured, succeeded=False)


def test_validation_that_still_falls() -> None:
    one = found([5.0, 2.0, 1.0])["still_falling"]
    assert one.changes == {"epochs": 3}
    assert "from 2 to 1 at the last two" in one.message
    assert found([5.0, 2.0, 1.0], epochs=50)["still_falling"].changes == {}
    assert "still_falling" not in found([5.0, 1.0, 0.99])


def test_a_gap_between_training_and_validation() -> None:
    assert found([1.0, 0.99], train_loss=0.2)["gap"].changes == {"lora_dropout": 0.05}
    assert found([1.0, 0.99], train_loss=0.2, method="full")["gap"].changes == {"weight_decay": 0.01}
    assert found([1.0, 0.99], train_loss=0.2, lora_dropout=0.1)["gap"].changes == {}
    assert "gap" not in found([1.0, 0.99], train_loss=0.9)
    assert "gap" not in found([0.09, 0.08], train_loss=0.001)  # both are next to nothing


def test_right_tokens_and_wrong_answers() -> None:
    assert "right_tokens_wrong_answers" in found([], val_accuracy=1.0, exact_match=0.0)
    assert not found([], val_accuracy=1.0, exact_match=0.1)
    assert not found([], val_accuracy=1.0)
    assert not found([], val_accuracy=0.9, exact_match=0.0)


@pytest.mark.parametrize("losses", [[], [1.0], [float("nan"), 1.0], [float("inf"), float("nan")]])
def test_too_little_to_say_anything(losses: list[float]) -> None:
    assert not found(losses)


CONFIGURED = st.fixed_dictionaries(
    {
        "epochs": st.integers(1, 50),
        "learning_rate": st.floats(1e-7, 0.1),
        "method": st.sampled_from(["lora", "full"]),
        "early_stopping_patience": st.integers(0, 5),
        "evaluations_per_epoch": st.integers(1, 20),
        "lora_dropout": st.sampled_from([0.0, 0.05, 0.1]),
        "weight_decay": st.sampled_from([0.0, 0.01]),
    }
)


@given(
    losses=st.lists(st.floats(0.001, 50) | st.just(math.nan), max_size=30),
    configured=CONFIGURED,
    figures=st.fixed_dictionaries({"train_loss": st.none() | st.floats(0, 50), "succeeded": st.booleans()}),
)
def test_every_change_may_be_asked_for_and_is_one(
    losses: list[float], configured: dict[str, Any], figures: dict[str, Any]
) -> None:
    asked = config(**configured).model_dump()
    for one in found(losses, **configured, **figures).values():
        TrainingConfig.model_validate(asked | one.changes)
        assert all(asked[name] != value for name, value in one.changes.items())
        assert one.changes.get("evaluations_per_epoch", 21) > configured["evaluations_per_epoch"]
