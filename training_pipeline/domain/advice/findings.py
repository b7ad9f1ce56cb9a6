"""What the curves of a job that has ended say, and the configuration to try next. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeGuard

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.advice.item import Value
from training_pipeline.domain.advice.rules import RULES, Confidence, number

_MOST_EPOCHS: Final = 50


class Finding(BaseModel):
    """What a job's figures say in one sentence. `changes` are keys of training_config to set for the next one."""

    model_config = ConfigDict(frozen=True)

    rule: str
    message: str
    changes: dict[str, Value] = {}
    confidence: Confidence


class Point(BaseModel):
    """One evaluation of a job."""

    model_config = ConfigDict(frozen=True)

    step: int
    epoch: float | None = None
    val_loss: float


class Ended(BaseModel):
    """The figures of a job that has ended. Null is what was not measured."""

    model_config = ConfigDict(frozen=True)

    config: Mapping[str, Any]
    #: The evaluations in the order of their steps, with the one before training where there is one.
    evaluations: Sequence[Point] = ()
    train_loss: float | None = None
    val_accuracy: float | None = None
    exact_match: float | None = None


def findings(job: Ended) -> tuple[Finding, ...]:
    """Everything that is to be said of a job that has ended. Pure."""
    points = [point for point in job.evaluations if math.isfinite(point.val_loss)]
    return (*_curve(job, points), *_gap(job, points), *_wrong_answers(job))


def _curve(job: Ended, points: Sequence[Point]) -> Iterator[Finding]:
    """Whether validation rose from its best, or was still falling at the end."""
    if len(points) < 2:
        return
    best, last = min(points, key=lambda point: point.val_loss), points[-1]
    if last.val_loss > number("validation_rose", "over_best") * best.val_loss and last.step > best.step:
        yield _finding(
            "validation_rose",
            f"The validation loss was best at step {best.step:,} ({best.val_loss:.3g}) and rose to {last.val_loss:.3g} "
            "by the end: from there on it learned its pairs by heart. The weights of the best step are kept.",
            _earlier(job, best),
        )
    elif best is last and last.val_loss < number("still_falling", "below_last") * points[-2].val_loss:
        epochs = job.config.get("epochs")
        more = min(_MOST_EPOCHS, math.ceil(epochs * number("still_falling", "times"))) if _count(epochs) else None
        yield _finding(
            "still_falling",
            "The validation loss was still falling at the end (from "
            f"{points[-2].val_loss:.3g} to {last.val_loss:.3g} at the last two evaluations): it may learn more in more "
            "epochs.",
            {"epochs": more} if more is not None and more != epochs else {},
        )


def _earlier(job: Ended, best: Point) -> dict[str, Value]:
    """Fewer epochs where the best was in an earlier one; else a stop as soon as it rises."""
    epochs = job.config.get("epochs")
    fewer = max(1, math.ceil(best.epoch - 0.01)) if best.epoch is not None else None
    if _count(epochs) and fewer is not None and fewer < epochs:
        return {"epochs": fewer}
    return {"early_stopping_patience": int(number("validation_rose", "patience")), "evaluations_per_epoch": 4}


def _gap(job: Ended, points: Sequence[Point]) -> Iterator[Finding]:
    if not points or job.train_loss is None or not math.isfinite(job.train_loss):
        return
    best = min(point.val_loss for point in points)
    wide = best > number("gap", "over_training") * job.train_loss
    if wide and best - job.train_loss > number("gap", "at_least"):
        lora = job.config.get("method") == "lora"
        name = "lora_dropout" if lora else "weight_decay"
        value = number("gap", "dropout" if lora else "weight_decay")
        set_already = (job.config.get(name) or 0) >= value
        yield _finding(
            "gap",
            f"The validation loss ({best:.3g}) is far above the training loss ({job.train_loss:.3g}): more reviewed "
            "pairs help most" + ("." if set_already else f", some {name.replace('_', ' ')} a little."),
            {} if set_already else {name: value},
        )


def _wrong_answers(job: Ended) -> Iterator[Finding]:
    if job.val_accuracy is None or job.exact_match != 0:
        return
    if job.val_accuracy >= number("right_tokens_wrong_answers", "accuracy"):
        yield _finding(
            "right_tokens_wrong_answers",
            "Every token is predicted right, and no answer is: the model is prompted differently from how it was "
            "trained, for example by a chat template that adds to the prompt. Read its answers, and "
            "choose another base model.",
            {},
        )


def _finding(rule: str, message: str, changes: dict[str, Value]) -> Finding:
    return Finding(rule=rule, message=message, changes=changes, confidence=RULES[rule].confidence)


def _count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
