"""Which questions a model is asked after its training: some that it can answer, or it would not be seen to stop."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from ..config import STOP_QUESTIONS, Config
from ..encoding.data import ChatFormat, read_examples
from ..encoding.pair_ids import pair_ids
from ..errors import TrainingFailed
from .evaluate import Question, as_questions


def to_ask(config: Config, chat: ChatFormat, positions: int | None) -> tuple[list[Question], list[Question]]:
    """The first validation questions; and where none of them can be answered, the next that can, or training ones.

    Raises `TrainingFailed` where there is none at all, unless a model that never stops is allowed. Reads only.
    """
    first = list(itertools.islice(_questions(config, "validation", chat), config.asked_questions))
    if answerable(first, config, positions):
        return first, []
    others = itertools.chain(
        itertools.islice(_questions(config, "validation", chat), len(first), None), _questions(config, "train", chat)
    )
    found = list(itertools.islice((one for one in others if answerable([one], config, positions)), STOP_QUESTIONS))
    if not found and not config.allow_never_stops:
        raise TrainingFailed(
            "nothing_to_ask",
            "No example leaves room for its question to be asked and answered, so it would not be seen whether the "
            f"trained model stops: raise max_length (it is {config.max_length}), choose a base_model that takes longer "
            "texts, shorten the pairs, or set allow_never_stops to train without that.",
        )
    return first, found


def answerable(questions: Sequence[Question], config: Config, positions: int | None) -> list[Question]:
    """Those that are no longer than what was trained on, and that fit into the model with their answer."""
    room = positions or 1 << 30
    return [one for one in questions if len(one.prompt_ids) <= config.max_length and one.fits(room)]


def _questions(config: Config, split: str, chat: ChatFormat) -> Iterator[Question]:
    name, path = f"{split}_file", config.train_file if split == "train" else config.validation_file
    return as_questions(read_examples(path, name, ids=pair_ids(config.manifest_file, split)), chat, name)
