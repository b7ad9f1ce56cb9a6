"""What the curves of a job that has ended say, and the configuration to try next."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final, TypeGuard

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.advice.item import Value
from training_pipeline.domain.advice.rules import RULES, Confidence, number

#: The bounds of what may be asked for.
_MOST_EPOCHS: Final = 50
_LEAST_RATE: Final = 1e-7
#: The code of a training that failed because its loss was no finite number.
_TRAINING_DIVERGED: Final = "train_loss_not_finite"


class Finding(BaseModel):
    """What a job's figures say in one sentence. `changes` are keys of training_config to set for the next one."""

    model_config = ConfigDict(frozen=True)

    rule: str
    message: str
    changes: dict[str, Value] = {}
    confidence: Confidence


class Point(BaseModel):
    """One evaluation of a job. A loss that was no finite number is NaN."""

    model_config = ConfigDict(frozen=True)

    step: int
    epoch: float | None = None
    val_loss: float


class Ended(BaseModel):
    """The figures of a job that has ended. Null is what was not measured."""

    model_config = ConfigDict(frozen=True)

    config: Mapping[str, Any]
    #: Whether it trained as long as it was to and kept its best weights: else its curve only says how far it got.
    succeeded: bool = True
    #: Why the training failed, as its program calls it.
    code: str | None = None
    #: The evaluations in the order of their steps, with the one before training where there is one.
    evaluations: Sequence[Point] = ()
    train_loss: float | None = None
    val_accuracy: float | None = None
    exact_match: float | None = None


def findings(job: Ended) -> tuple[Finding, ...]:
    """Everything that is to be said of a job that has ended."""
    too_fast = next(chain(_diverged(job), _never_better(job) if job.succeeded else ()), None)
    if too_fast is not None:  # its curve says no more than that
        return (too_fast,)
    return (*_curve(job), *_gap(job), *_wrong_answers(job)) if job.succeeded else ()


def _diverged(job: Ended) -> Iterator[Finding]:
    """Whether the loss was no number any more at the end, however the job ended."""
    finite = [point.step for point in job.evaluations if math.isfinite(point.val_loss)]
    since = next((point.step for point in job.evaluations if finite and point.step > finite[-1]), None)
    if since is None and job.code != _TRAINING_DIVERGED:
        return
    which, until = ("training", "at the end") if since is None else ("validation", f"from step {since:,} on")
    yield _finding(
        job,
        "diverged",
        f"The {which} loss was no finite number {until}: the training diverged, for which the usual cause is a "
        "learning rate that is too high.",
        _slower(job, "diverged"),
    )


def _never_better(job: Ended) -> Iterator[Finding]:
    """Whether no evaluation was better than the one before training, and the last was worse."""
    before, after = _parts(job)
    if before is None or not after:
        return
    best = min(point.val_loss for point in after)
    if best >= before and after[-1].val_loss > number("never_better", "over_before") * before:
        yield _finding(
            job,
            "never_better",
            f"The validation loss was never below that of the base model ({before:.3g}) and ended at "
            f"{after[-1].val_loss:.3g}: the usual cause is a learning rate that is too high.",
            _slower(job, "never_better"),
        )


def _slower(job: Ended, rule: str) -> dict[str, Value]:
    """A lower learning rate, in the bounds of what may be asked for."""
    rate = job.config.get("learning_rate")
    if not isinstance(rate, float):
        return {}
    return {"learning_rate": max(_LEAST_RATE, float(f"{rate / number(rule, 'lower'):.2g}"))}


def _curve(job: Ended) -> Iterator[Finding]:
    """Whether validation rose from its best, or was still falling at the end. Weights before training are not kept."""
    before, after = _parts(job)
    if not after:
        return
    best, last = min(after, key=lambda point: point.val_loss), after[-1]
    previous = after[-2].val_loss if len(after) > 1 else before
    if last.val_loss > number("validation_rose", "over_best") * best.val_loss:
        yield _finding(
            job,
            "validation_rose",
            f"The validation loss was best at step {best.step:,} ({best.val_loss:.3g}) and rose to {last.val_loss:.3g} "
            "by the end: from there on it learned its pairs by heart. The weights of the best step are kept.",
            _earlier(job, best),
        )
    elif previous is not None and last.val_loss < number("still_falling", "below_last") * previous and best is last:
        epochs = job.config.get("epochs")
        more = min(_MOST_EPOCHS, math.ceil(epochs * number("still_falling", "times"))) if _count(epochs) else None
        yield _finding(
            job,
            "still_falling",
            "The validation loss was still falling at the end (from "
            f"{previous:.3g} to {last.val_loss:.3g} at the last two evaluations): it may learn more in more "
            "epochs.",
            {} if more is None else {"epochs": more},
        )


def _earlier(job: Ended, best: Point) -> dict[str, Value]:
    """Fewer epochs where the best was in an earlier one; else a stop as soon as it rises."""
    epochs = job.config.get("epochs")
    fewer = max(1, math.ceil(best.epoch - 0.01)) if best.epoch is not None else None
    if _count(epochs) and fewer is not None and fewer < epochs:
        return {"epochs": fewer}
    patience, often = (int(number("validation_rose", name)) for name in ("patience", "evaluations"))
    now = job.config.get("early_stopping_patience") or 0
    return {
        "early_stopping_patience": min(now, patience) or patience,
        "evaluations_per_epoch": max(job.config.get("evaluations_per_epoch") or 1, often),
    }


def _gap(job: Ended) -> Iterator[Finding]:
    _, after = _parts(job)
    if not after or job.train_loss is None or not math.isfinite(job.train_loss):
        return
    best = min(point.val_loss for point in after)
    wide = best > number("gap", "over_training") * job.train_loss
    if wide and best - job.train_loss > number("gap", "at_least"):
        lora = job.config.get("method") == "lora"
        name = "lora_dropout" if lora else "weight_decay"
        value = number("gap", "dropout" if lora else "weight_decay")
        set_already = (job.config.get(name) or 0) >= value
        yield _finding(
            job,
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
            job,
            "right_tokens_wrong_answers",
            "Every token is predicted right, and no answer is: the model is prompted differently from how it was "
            "trained, for example by a chat template that adds to the prompt. Read its answers, and "
            "choose another base model.",
            {},
        )


def _finding(job: Ended, rule: str, message: str, changes: Mapping[str, Value]) -> Finding:
    """A finding, with what of `changes` the job does not have already."""
    new = {name: value for name, value in changes.items() if job.config.get(name) != value}
    return Finding(rule=rule, message=message, changes=new, confidence=RULES[rule].confidence)


def _parts(job: Ended) -> tuple[float | None, list[Point]]:
    """The loss before training, if any, and the evaluations after it: those whose loss was a finite number."""
    finite = [point for point in job.evaluations if math.isfinite(point.val_loss)]
    before = next((point.val_loss for point in finite if not point.step), None)
    return before, [point for point in finite if point.step]


def _count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
