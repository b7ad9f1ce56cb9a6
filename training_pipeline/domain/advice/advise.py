"""What a configuration should be, and what is to be known of it before anything is spent."""

from __future__ import annotations

import math
from collections.abc import Iterator

from training_pipeline.domain.advice.facts import Facts, whole
from training_pipeline.domain.advice.item import Advice, AdviceRecord, advised, noted
from training_pipeline.domain.advice.rules import number
from training_pipeline.domain.advice.warnings import warnings
from training_pipeline.domain.training_config import MOST_BATCH, MOST_TOKENS


def advise(facts: Facts) -> AdviceRecord:
    """Everything that the rules say, values first."""
    lora = facts.config.method == "lora"
    return AdviceRecord(
        advice=(
            _learning_rate(facts),
            *(_lora(facts) if lora else ()),
            *_amount(facts),
            *_warmup(facts),
            *_max_length(facts),
            *warnings(facts),
        )
    )


def _learning_rate(facts: Facts) -> Advice:
    rule, value, why = learning_rate(facts)
    factor = number("learning_rate_range", "factor")
    return advised(
        rule,
        why,
        field="learning_rate",
        value=value,
        current=facts.config.learning_rate,
        low=value / factor,
        high=value * factor,
    )


def learning_rate(facts: Facts) -> tuple[str, float, str]:
    """The rule that gives the learning rate, the rate, and why."""
    model, lora = facts.model, facts.config.method == "lora"
    if model.from_scratch:
        return (
            "learning_rate_built_in",
            float(facts.auto.learning_rate),
            "The built-in model learns the bundled sample with it; with twice as much it often does not.",
        )
    if model.family is not None and model.hidden_size is not None and _usual(model.hidden_size):
        exponent = number("learning_rate", model.family)
        rate = number("learning_rate", "lora") * (number("learning_rate", "width") / model.hidden_size) ** exponent
        rule = "learning_rate"
        why = f"For models of the {model.family.capitalize()} family with a hidden size of {model.hidden_size:,}"
    else:
        rule, rate = "learning_rate_not_calibrated", number("learning_rate_not_calibrated", "lora")
        if model.family is None:
            missing = "for the family of the base model"
        elif model.hidden_size is None:
            missing = "where the hidden size of the base model is not known"
        else:
            missing = f"for a hidden size of {model.hidden_size:,}"
        why = f"Not calibrated: there is no formula {missing}. A start"
    if not lora:
        over = number("learning_rate_full", "lora_over_full")
        rate /= over
        why += f" with full fine-tuning, which takes about 1/{over:g} of LoRA's"
    elif facts.steps is not None and facts.steps < number("learning_rate_short", "steps"):
        rate *= number("learning_rate_short", "times")
        why += f", raised by half because LoRA takes more in a short training ({facts.steps} steps)"
    return rule, float(f"{rate:.2g}"), f"{why}."


def _usual(width: int) -> bool:
    return number("learning_rate", "least_width") <= width <= number("learning_rate", "most_width")


def _lora(facts: Facts) -> Iterator[Advice]:
    least, most = (int(number("lora_rank", name)) for name in ("least", "most"))
    many = int(number("lora_rank_many_pairs", "pairs"))
    large = facts.train_pairs is not None and facts.train_pairs > many
    yield advised(
        "lora_rank_many_pairs" if large else "lora_rank",
        f"{least} holds what a few thousand pairs teach; {most} suits more than {many:,}.",
        field="lora_rank",
        value=most if large else least,
        current=facts.config.lora_rank,
        low=most if large else least,
        high=None if large else most,
    )
    rank = facts.config.lora_rank
    low, high = (int(number("lora_alpha", name)) * rank for name in ("least", "most"))
    yield advised(
        "lora_alpha",
        "One to two times the rank.",
        field="lora_alpha",
        value=min(1024, high),
        current=facts.config.lora_alpha,
        low=low,
        high=high,
    )
    yield noted(
        "lora_targets",
        "Adapters on every linear layer learn as full fine-tuning does; on attention alone they do not.",
        value="all linear layers",
    )


def _amount(facts: Facts) -> Iterator[Advice]:
    pairs = facts.train_pairs
    if pairs is None:
        return
    epochs = whole(facts.auto.epochs)
    if facts.model.from_scratch:
        steps = math.ceil(pairs / facts.batch_size) * epochs
        why = f"A model that starts from random weights needs about {steps:,} optimizer steps."
        yield advised("epochs_built_in", why, field="epochs", value=epochs, current=facts.config.epochs)
    else:
        target = int(number("epochs", "target"))
        tokens = (
            "" if facts.lengths is None else f" of {facts.lengths.mean(whole(facts.config.max_length)):,.0f} tokens"
        )
        yield advised(
            "epochs",
            f"{target} epochs, more for very few pairs and fewer for very many; here {pairs:,} pairs{tokens}.",
            field="epochs",
            value=epochs,
            current=facts.config.epochs,
            low=1 if epochs <= target and pairs * epochs >= number("epochs", "least_examples") else epochs,
            high=epochs,
        )
        yield _batch(facts)


def _batch(facts: Facts) -> Advice:
    wanted, least = number("batch_size", "steps"), int(number("batch_size", "least"))
    accumulation = facts.config.gradient_accumulation_steps
    most = number("lora_large_batch", "batch") if facts.config.method == "lora" else float("inf")
    long = None if facts.lengths is None else facts.lengths.mean(whole(facts.config.max_length))
    batch = usual = whole(facts.auto.batch_size)

    def is_large(batch: int) -> bool:
        return long is not None and batch * long > number("batch_tokens", "most")

    def is_small(batch: int) -> bool:
        return bool(long) and batch * (long or 0) < number("batch_tokens", "least")

    def is_enough(batch: int) -> bool:
        return _steps(facts, batch) >= wanted

    while (
        batch // 2 >= max(least, accumulation)
        and batch // 2 % accumulation == 0
        and (not is_enough(batch) or is_large(batch))
    ):
        batch //= 2
    while is_small(batch) and batch * 2 <= min(most, MOST_BATCH) and is_enough(batch * 2):
        batch *= 2
    enough = batch
    while enough * 2 <= most and is_enough(enough * 2):
        enough *= 2
    tokens = "" if long is None else f" of about {batch * long:,.0f} tokens"
    why = f"At {batch} there are {_steps(facts, batch):,} steps{tokens}; {wanted:g} steps and more are worth aiming at."
    if batch == usual and enough > batch:
        why += " A larger batch is well as long as there are as many; LoRA bears a very large one less."
    by_tokens = batch > usual or (batch < usual and is_enough(batch * 2))
    return advised(
        "batch_tokens" if by_tokens else "batch_size",
        why,
        field="batch_size",
        value=batch,
        current=facts.batch_size,
        low=min(least, batch),
        high=enough,
    )


def _steps(facts: Facts, batch: int) -> int:
    steps = facts.steps_with(batch)
    return 0 if steps is None else steps


def _warmup(facts: Facts) -> Iterator[Advice]:
    if facts.steps is None or facts.model.from_scratch:
        return
    least, most = number("warmup_ratio", "least"), number("warmup_ratio", "most")
    short = facts.steps < number("warmup_ratio", "few_steps")
    yield advised(
        "warmup_ratio",
        f"{least:.0%} to {most:.0%} of the steps; with {facts.steps:,} steps the " + ("larger" if short else "smaller")
        + " share, so that the first updates stay small.",
        field="warmup_ratio",
        value=most if short else least,
        current=facts.config.warmup_ratio,
        low=least,
        high=most,
    )  # fmt: skip


def _max_length(facts: Facts) -> Iterator[Advice]:
    if facts.lengths is None or not facts.lengths.examples:
        return
    multiple = int(number("max_length", "multiple"))
    long = facts.lengths.quantile(number("max_length", "quantile"))
    value = max(int(number("max_length", "least")), math.ceil(long / multiple) * multiple)
    value = min(value, facts.model.context_length or MOST_TOKENS, MOST_TOKENS)
    now = whole(facts.config.max_length)
    longest, estimated = facts.lengths.quantile(1.0), facts.lengths_estimated
    said = f"99 % of the pairs have at most {long:,} tokens, the longest {longest:,}. "
    if estimated:
        said = (
            "Estimated from characters, for the tokenizer of the base model could not be asked here: 99 % of the pairs "
            f"have at most about {long:,} tokens, the longest about {longest:,}. "
        )
    yield advised(
        "max_length_estimated" if estimated else "max_length",
        f"{said}With {value:,}, {_cut(facts, value)} cut; with {now:,}, {_cut(facts, now)}.",
        field="max_length",
        value=value,
        current=now,
        low=value,
    )


def _cut(facts: Facts, most: int) -> str:
    cut = 0 if facts.lengths is None else facts.lengths.cut(most)
    return f"{cut:,} pair{'' if cut == 1 else 's'} {'is' if cut == 1 else 'are'}"
