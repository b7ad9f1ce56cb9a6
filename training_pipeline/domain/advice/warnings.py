"""What a configuration cannot make good: too little data, a base model that does not fit."""

from __future__ import annotations

from collections.abc import Iterator

from training_pipeline.domain.advice.facts import AnswerCounts, Facts
from training_pipeline.domain.advice.interval import wilson
from training_pipeline.domain.advice.item import Advice, warned
from training_pipeline.domain.advice.memory import needed_bytes
from training_pipeline.domain.advice.rules import number

_GB = 1e9


def warnings(facts: Facts) -> Iterator[Advice]:
    """Every warning that applies."""
    yield from _few(facts)
    yield from _validation(facts.validation_pairs)
    yield from _skewed(facts.answers)
    yield from _base_model(facts)
    yield from _memory(facts)


def _few(facts: Facts) -> Iterator[Advice]:
    steps, pairs = facts.steps, facts.train_pairs
    if steps is not None and steps < number("few_steps", "steps"):
        yield warned(
            "few_steps",
            f"{_counted(steps, 'optimizer step')} {'is' if steps == 1 else 'are'} few, most of them warm-up. Use more "
            "epochs or a smaller batch.",
        )
    if pairs is not None and pairs < number("few_pairs", "pairs"):
        yield warned(
            "few_pairs",
            f"{_counted(pairs, 'training pair')} may be too few to change the model: {number('few_pairs', 'pairs'):g} "
            "good ones are a start.",
        )


def _validation(pairs: int | None) -> Iterator[Advice]:
    if pairs is None:
        return
    accuracy = number("validation_small", "accuracy")
    low, high = wilson(accuracy, pairs)
    if (high - low) / 2 > number("validation_small", "half_width"):
        yield warned(
            "validation_small",
            f"With {_counted(pairs, 'validation pair')}, an accuracy of {accuracy:.0%} may as well be {low:.0%} or "
            f"{high:.0%}. A smaller difference between two trainings cannot be measured.",
        )


def _skewed(answers: AnswerCounts | None) -> Iterator[Advice]:
    if answers is None or answers.answers < 2:
        return
    if answers.different == 1:
        yield warned(
            "answers_skewed",
            f"All {answers.answers:,} answers are the same one: a model that always gives it has learned everything "
            "that is here. Add pairs with other answers.",
        )
        return
    share = answers.most_frequent / answers.answers
    few_kinds = answers.different <= number("answers_skewed", "kinds") * answers.answers
    if few_kinds and share >= number("answers_skewed", "share"):
        yield warned(
            "answers_skewed",
            f"{share:.0%} of the answers are the same one ({answers.different:,} different ones in "
            f"{answers.answers:,} pairs). A model that always gives it is right as often: compare with that.",
        )


def _base_model(facts: Facts) -> Iterator[Advice]:
    if facts.model.chat is False:
        yield warned(
            "base_not_chat",
            f"{facts.base_model} has no chat template, so it was not made to answer: it must learn that from your "
            "pairs too. Prefer its chat or instruct version.",
        )
    if facts.unknown_tokens:
        yield warned(
            "tokens_unknown",
            f"{_counted(facts.unknown_tokens, 'pair')} {'has' if facts.unknown_tokens == 1 else 'have'} characters "
            "that the vocabulary of the base model does not know: the model reads and writes a placeholder instead.",
        )


def _memory(facts: Facts) -> Iterator[Advice]:
    needed, there = needed_bytes(facts), facts.model.memory_bytes
    if needed is None or there is None or needed <= number("memory", "spare") * there:
        return
    ways = ["a smaller max_length", "more gradient_accumulation_steps"]
    ways += ["method lora"] if facts.config.method == "full" else ["a smaller base model"]
    yield warned(
        "memory",
        f"It needs about {needed / _GB:,.1f} GB of memory and there are {there / _GB:,.1f} GB: it may fail. Use "
        f"{', '.join(ways[:-1])} or {ways[-1]}.",
    )


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
