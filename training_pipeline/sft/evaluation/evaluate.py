"""Let the model answer validation questions greedily, and compare with the expected answers letter by letter."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..encoding.asked import asked_answer, prompts_of
from ..encoding.data import ChatFormat, Example, read_examples
from ..encoding.token_file import batches

#: Tokens that an answer may be longer than the expected one, where there is room: a model that does not stop is seen
#: not to.
SLACK: Final = 32
BATCH: Final = 32


@dataclass(frozen=True, slots=True)
class Question:
    """A validation question; `asked` is the last message before the answer, `prompt_ids` all of it as tokens."""

    asked: str
    expected: str
    prompt_ids: list[int]
    answer_tokens: int

    def fits(self, room: int) -> bool:
        """Whether the expected answer fits behind the prompt into so many tokens."""
        return len(self.prompt_ids) + self.answer_tokens <= room

    def most(self, room: int) -> int:
        """How many tokens its answer may have where both fit."""
        return min(self.answer_tokens + SLACK, room - len(self.prompt_ids))


@dataclass(frozen=True, slots=True)
class Answer:
    """The text that the model generated, without special tokens, and whether it ended with an end token.

    `ids` are the tokens that it wrote, its end token included.
    """

    text: str
    stopped: bool
    ids: tuple[int, ...] = ()

    @property
    def tokens(self) -> int:
        """How many tokens it wrote."""
        return len(self.ids)


def questions(validation_file: Path, chat: ChatFormat, count: int, *, ids: Iterable[str] = ()) -> list[Question]:
    """The first `count` validation examples as questions for their last trained answer. Reads only.

    `ids` are the pair ids of the file's lines, in order. Raises `TrainingFailed` where the model would be asked in
    another way than the example begins.
    """
    examples = itertools.islice(read_examples(validation_file, "validation_file", ids=ids), count)
    return list(as_questions(examples, chat, "validation_file"))


def as_questions(examples: Iterable[Example], chat: ChatFormat, name: str) -> Iterator[Question]:
    """The examples of the file `name` as questions for their last trained answer; raises as `questions`.

    As many are read as are asked for, and a few more.
    """
    for batch in batches(examples, BATCH):
        found = chat.encode(batch)
        for example, encoded, prompt in zip(batch, found, prompts_of(batch, found, chat, name), strict=True):
            before = example.messages[: asked_answer(example)]
            start, end = encoded.spans[-1]
            expected = chat.tokenizer.decode(encoded.input_ids[start:end], skip_special_tokens=True).strip()
            yield Question(before[-1]["content"] if before else "", expected, prompt, end - start)


def answer(
    model: Any,
    tokenizer: Any,
    asked: Sequence[Question],
    *,
    ends: Sequence[int],
    positions: int | None,
    told: Callable[[int], None],
) -> list[Answer | None]:
    """The model's greedy answers, in order; None where prompt and answer do not fit into the model's `positions`.

    An answer has stopped where it ends with one of the tokens `ends`; one that does not is cut `SLACK` tokens after the
    length of the expected one, or at the last position, so that it is the same in any batch. `told` hears after each
    batch how many questions are done. Leaves the model in evaluation mode.
    """
    import torch

    model.eval()
    answers: list[Answer | None] = [None] * len(asked)
    room = positions or 1 << 30
    # Questions of like length share a batch: little padding.
    order = sorted(
        (i for i, question in enumerate(asked) if question.fits(room)), key=lambda index: len(asked[index].prompt_ids)
    )
    done = 0
    for batch in _batches(asked, order, room):
        padded = tokenizer.pad(
            {"input_ids": [asked[index].prompt_ids for index in batch]},
            padding=True,
            padding_side="left",
            return_tensors="pt",
        ).to(model.device)
        with torch.no_grad():
            written = model.generate(
                **padded,
                max_new_tokens=max(asked[index].most(room) for index in batch),
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
                use_cache=True,
                eos_token_id=list(ends),
                pad_token_id=tokenizer.pad_token_id,
            )
        new = written[:, padded["input_ids"].shape[1] :]
        cut = [_cut(ids, ends, asked[index].most(room)) for index, ids in zip(batch, new.tolist(), strict=True)]
        texts = tokenizer.batch_decode(cut, skip_special_tokens=True)
        for index, text, ids in zip(batch, texts, cut, strict=True):
            answers[index] = Answer(text.strip(), stopped=bool(ids) and ids[-1] in ends, ids=tuple(ids))
        done += len(batch)
        told(done)
    return answers


def _batches(asked: Sequence[Question], order: Sequence[int], room: int) -> Iterator[list[int]]:
    """The questions in batches, the shortest prompts first.

    A batch is written from the end of its longest prompt for as long as its longest answer: where both together do not
    fit into `room`, though each question does, it ends before.
    """
    batch: list[int] = []
    most = 0
    for index in order:
        longer = max(most, asked[index].most(room))
        if batch and (len(batch) == BATCH or len(asked[index].prompt_ids) + longer > room):
            yield batch
            batch, longer = [], asked[index].most(room)
        batch.append(index)
        most = longer
    if batch:
        yield batch


def _cut(ids: list[int], ends: Sequence[int], most: int) -> list[int]:
    """What was written up to the first end token, that included, and no more than so many tokens."""
    end = next((place + 1 for place, token in enumerate(ids) if token in ends), len(ids))
    return ids[: min(end, most)]


def exact_match(asked: Sequence[Question], answers: Sequence[str | None]) -> float:
    """The share (0 to 1) of answers that equal the expected one, white space around them aside."""
    return sum(q.expected == given for q, given in zip(asked, answers, strict=True)) / len(asked)


def texts(answers: Sequence[Answer | None]) -> list[str | None]:
    """What was written, None where nothing was."""
    return [answer.text if answer else None for answer in answers]


def stopped(answers: Sequence[Answer | None]) -> tuple[int, int]:
    """How many answers ended by themselves, and how many there are."""
    given = [answer for answer in answers if answer]
    return sum(answer.stopped for answer in given), len(given)
