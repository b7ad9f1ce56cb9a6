from __future__ import annotations

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


@given(
    losses=st.lists(st.floats(0.001, 50), max_size=30),
    epochs=st.integers(1, 50),
    train_loss=st.none() | st.floats(0, 50),
)
def test_every_change_may_be_asked_for_and_changes_something(
    losses: list[float], epochs: int, train_loss: float | None
) -> None:
    for one in found(losses, epochs=epochs, train_loss=train_loss).values():
        asked = config(epochs=epochs).model_dump()
        assert TrainingConfig.model_validate(asked | one.changes).model_dump() != asked or not one.changes
