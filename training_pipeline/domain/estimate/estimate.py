"""An estimate of a job's duration and cost: with an interval and what it rests on, or why there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.advice.facts import Facts, whole
from training_pipeline.domain.estimate.duration import COVERAGE, EMPIRICAL_FROM, Past, Seconds, predict
from training_pipeline.domain.estimate.prices import PriceList

#: Jobs whose examples are longer or shorter than this many times say nothing of the speed.
_LIKE: Final = 2.0
#: A forward pass is a third of a training step.
_EVALUATION: Final = 1 / 3
#: Operations for a weight and token in a training step: all of it, and without the gradients of frozen weights.
_FULL: Final = 6.0
_LORA: Final = 4.0
#: Of what a machine was measured to multiply, a training makes about this share; it may be so many times more or less.
_UTILISATION: Final = 0.3
_FACTOR: Final = 3.0
#: The same of what its data sheet says, which no machine reaches.
_SHEET_UTILISATION: Final = 0.25
_SHEET_FACTOR: Final = 4.0
#: So small a model spends its time on anything but multiplying.
_LEAST_PARAMETERS: Final = 10_000_000


class Estimated(BaseModel):
    """One figure. Without `middle` it is unavailable, and `reason` says why."""

    model_config = ConfigDict(frozen=True)

    middle: float | None = None
    low: float | None = None
    high: float | None = None
    basis: str = ""
    reason: str = ""


class Estimate(BaseModel):
    """Seconds of training, without waiting for compute and starting; and what they cost."""

    model_config = ConfigDict(frozen=True)

    coverage: float = COVERAGE
    time: Estimated
    cost: Estimated
    currency: str | None = None
    #: Notes about the price list.
    notes: tuple[str, ...] = ()


class PastJob(BaseModel):
    """A succeeded job with the same base model, method and machine, as far as estimates look at it."""

    model_config = ConfigDict(frozen=True)

    training_sheet_id: str
    train_pairs: int
    val_pairs: int
    epochs: float
    evaluations_per_epoch: int
    #: What its examples were cut to; null where that is not on record.
    max_length: int | None = None
    tokens: int | None
    seconds: float

    @property
    def passes(self) -> float:
        """Its examples, as often as they were trained on; evaluations count as a third."""
        return passes(self.train_pairs, self.val_pairs, self.epochs, self.evaluations_per_epoch)

    @property
    def length(self) -> float | None:
        """Tokens of an example on average, after the cut."""
        examples = self.train_pairs * self.epochs
        return self.tokens / examples if self.tokens and examples else None


def passes(train_pairs: int, val_pairs: int, epochs: float, evaluations_per_epoch: int) -> float:
    """Examples that are trained on, and a third of those that are evaluated, the first time before training."""
    return train_pairs * epochs + _EVALUATION * val_pairs * (epochs * evaluations_per_epoch + 1)


def time_of(facts: Facts, training_sheet_id: str, jobs: Sequence[PastJob], *, speed: float | None) -> Estimated:
    """How long a job trains, from like jobs before it, else from the machine's speed.

    `speed` is what was measured, in operations a second; without it, what the data sheet says.
    """
    if facts.train_pairs is None or facts.validation_pairs is None:
        return Estimated(reason="its pairs are not counted yet")
    if not facts.train_pairs:
        return Estimated(reason="it has no pair to train on")
    config, model = facts.config, facts.model
    epochs, evaluations = whole(config.epochs), config.evaluations_per_epoch
    work = passes(facts.train_pairs, facts.validation_pairs, epochs, evaluations)
    told = facts.lengths.mean(whole(config.max_length)) if facts.lengths else None
    # Lengths that were measured are not compared with those that characters tell.
    same = [job for job in jobs if _same_examples(job, facts, training_sheet_id)]
    length = _length_of(same) if told is None or facts.lengths_estimated else told
    like = [job for job in jobs if _alike(job, length, facts, training_sheet_id)]
    if like:
        if length is None:
            past, unit = [Past(job.passes, job.seconds) for job in like], 1.0
        else:
            past, unit = [Past(job.passes * (job.length or length), job.seconds) for job in like], length
        found = predict(past, work * unit)
        how = "their errors" if len(like) >= EMPIRICAL_FROM else "Student's t"
        jobs_said = "1 job" if len(like) == 1 else f"{len(like)} jobs"
        return _estimated(found, f"{jobs_said} like it: same base model, method and machine; interval from {how}")
    if facts.lengths is not None:
        at_once = max(1, facts.batch_size // config.gradient_accumulation_steps)
        length = facts.lengths.padded(whole(config.max_length), at_once)
    most = speed or model.sheet_speed
    if most is None or model.parameters is None or length is None or model.parameters < _LEAST_PARAMETERS:
        return Estimated(reason=_why_none(facts, speed=most, length=length))
    operations = model.parameters * work * length * (_LORA if config.method == "lora" else _FULL)
    if speed is not None:
        share, factor, whose = _UTILISATION, _FACTOR, "the measured speed of this machine"
    else:
        share, factor, whose = _SHEET_UTILISATION, _SHEET_FACTOR, "the speed in the data sheet of its accelerator"
    seconds = operations / (most * share)
    tokens = "tokens told by characters" if facts.lengths_estimated else "tokens"
    return _estimated(
        Seconds(seconds, seconds / factor, seconds * factor),
        f"no job like it yet: weights, {tokens} with padding and {whose}, of which {share:.0%} are used; within a "
        f"factor of {factor:g}, a rule of thumb",
    )


def cost_of(time: Estimated, prices: PriceList | str | None, machine: str) -> Estimated:
    """What that time costs on a machine. `prices` may be what is wrong with the list; null is none."""
    if prices is None:
        return Estimated(reason="there is no price list: set TRAINING_PIPELINE_PRICE_FILE")
    if isinstance(prices, str):
        return Estimated(reason=f"the price list cannot be used: {prices}")
    hour = prices.hour(machine)
    if hour is None:
        return Estimated(reason=prices.missing(machine))
    if time.middle is None or time.low is None or time.high is None:
        return Estimated(reason="there is no estimate of the time")
    middle, low, high = (hour * seconds / 3600 for seconds in (time.middle, time.low, time.high))
    basis = f"{hour:g} {prices.currency} an hour, as of {prices.as_of}"
    return Estimated(middle=middle, low=low, high=high, basis=basis)


def _same_examples(job: PastJob, facts: Facts, training_sheet_id: str) -> bool:
    """Whether a job saw examples of the same sheet, cut alike: with another max_length they may have been longer."""
    return job.training_sheet_id == training_sheet_id and job.max_length == facts.config.max_length


def _length_of(jobs: Sequence[PastJob]) -> float | None:
    """Tokens of an example, as they last were."""
    return next((job.length for job in jobs if job.length is not None), None)


def _alike(job: PastJob, length: float | None, facts: Facts, training_sheet_id: str) -> bool:
    if job.seconds <= 0 or job.passes <= 0:
        return False
    if length is None or job.length is None:
        return _same_examples(job, facts, training_sheet_id)
    return abs(math.log(job.length / length)) <= math.log(_LIKE)


def _why_none(facts: Facts, *, speed: float | None, length: float | None) -> str:
    if facts.model.machine is None:
        return "the machine is not known"
    accelerator = facts.config.accelerator
    where = "this machine" if accelerator is None else facts.model.machine
    why = f"no job with this base model and method, and with pairs of such a length, has ended on {where} yet"
    if facts.model.parameters is not None and facts.model.parameters < _LEAST_PARAMETERS:
        return f"{why}, and so small a model's speed cannot be told from its size"
    if speed is None and accelerator is not None:
        return f"{why}, and the speed in its data sheet is that of bf16, not of {facts.config.precision}"
    if speed is None:
        return f"{why}, and its speed is not measured: `training-pipeline jobs advise SHEET --probe` measures it"
    return (
        f"{why}, and the "
        + ("lengths of the pairs in tokens are" if length is None else "size of the model is")
        + (" not known")
    )


def _estimated(found: Seconds, basis: str) -> Estimated:
    return Estimated(middle=found.middle, low=found.low, high=found.high, basis=basis)
