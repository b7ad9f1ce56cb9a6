"""The pairs of a suite as questions: read from the staged file, and written as one model is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..encoding.data import UNWRITABLE, ChatFormat, Example, read_examples
from ..errors import TrainingFailed
from .evaluate import Question

#: What scores of a pair are kept under, besides its number.
KEYS: Final = ("training_sheet_id", "pair_id", "classification", "canonical_label_id", "sheet_id")


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair: what it is known by, the chat that ends with the expert's answer, and whether a judge may read it."""

    keys: dict[str, str | None]
    example: Example
    may_be_judged: bool = False

    @property
    def key(self) -> tuple[str | None, str | None]:
        """What it is known by: its sheet, and its id there."""
        return self.keys["training_sheet_id"], self.keys["pair_id"]

    @property
    def last_answer(self) -> int | None:
        """Which message is the last answer that the expert gave; None for a chat without any."""
        example = self.example
        assistants = [index for index, message in enumerate(example.messages) if message["role"] == "assistant"]
        answers = [index for index, trained in zip(assistants, example.trained, strict=True) if trained]
        return answers[-1] if answers else None

    @property
    def length(self) -> int:
        """About how long it is."""
        return sum(len(message["content"]) for message in self.example.messages)


@dataclass(frozen=True, slots=True)
class Asked:
    """A pair as a model is asked: the question, null where its chat template cannot ask, and the expert's answer.

    `input_ids` are the tokens of the question and of the expert's answer, which is that from `start` on.
    """

    pair: Pair
    expected: str
    question: Question | None
    input_ids: list[int]
    start: int


def read_pairs(path: Path) -> Iterator[Pair]:
    """The pairs in a staged file, line by line. Raises `TrainingFailed` for a line that is no chat. Reads only."""
    keys: list[tuple[dict[str, str | None], bool]] = []

    def heard(line: bytes) -> None:
        row: dict[str, Any] = json.loads(line)
        keys.append(({name: row.get(name) for name in KEYS}, row.get("may_be_judged") is True))

    for example in read_examples(path, "questions", heard):
        known, may_be_judged = keys.pop()
        yield Pair(known, example, may_be_judged)


def ask(pair: Pair, chat: ChatFormat) -> Asked:
    """The pair as a model with this chat format is asked for the last answer that the expert gave."""
    example, last = pair.example, pair.last_answer
    said = "" if last is None else example.messages[last]["content"].strip()
    if last is None:
        return Asked(pair, said, None, [], 0)
    try:
        (encoded,) = chat.encode([example])
        prompt = chat.prompt(example.messages[:last], example.tools)
    except (TrainingFailed, *UNWRITABLE):
        return Asked(pair, said, None, [], 0)
    start, end = encoded.spans[-1]
    ids = encoded.input_ids[:end]
    if ids[: len(prompt)] != prompt:
        return Asked(pair, said, None, [], 0)
    if example.messages[last].get("tool_calls"):  # how a call is written is the template's own
        said = chat.tokenizer.decode(ids[start:], skip_special_tokens=True).strip()
    return Asked(pair, said, Question("", said, prompt, end - start), ids, start)
