"""Answers where memory may not suffice for many at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..memory import halved
from . import evaluate
from .evaluate import BATCH, Answer, Question


def answer_in_room(
    model: Any,
    tokenizer: Any,
    asked: Sequence[Question],
    *,
    ends: Sequence[int],
    positions: int | None,
    longest: int,
    together: bool,
    told: Callable[[int], None],
) -> list[Answer | None]:
    """`evaluate.answer`, with fewer at once where memory runs out; None for a question that is too much alone.

    None, too, for a prompt of more tokens than the `longest` that the model was trained on. Where processes answer
    `together` memory that runs out in one of them is an error: the others wait for it.
    """

    def answer(part: Sequence[int]) -> list[Answer | None]:
        questions = [asked[place] for place in part]
        return evaluate.answer(
            model, tokenizer, questions, ends=ends, positions=positions, told=lambda count: told(done + count)
        )

    done = 0
    fits = [place for place, question in enumerate(asked) if len(question.prompt_ids) <= longest]
    # Questions of like length share a batch, as there.
    order = sorted(fits, key=lambda place: len(asked[place].prompt_ids))
    answers: list[Answer | None] = [None] * len(asked)
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        made = answer(batch) if together else halved(batch, answer, needed=False)
        for place, given in zip(batch, made, strict=True):
            answers[place] = given
        done += len(batch)
    return answers
