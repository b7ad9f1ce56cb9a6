"""From chat examples to token ids and labels: only what the assistant says is trained on.

Text is rendered once by the model's chat template; the character spans of the assistant's messages decide which tokens
carry a label. A message of weight 0 carries none.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import Any, Final

from ..errors import TrainingFailed
from .kept import Kept
from .pair_ids import quoted
from .plain_text import UNWRITABLE as UNWRITABLE
from .plain_text import NoJson, PlainText, as_message, as_tools

#: The label of a token that is not trained on.
IGNORED: Final = -100

Message = dict[str, Any]
Span = tuple[int, int]
#: Around the start of an answer: text in front of it that the model has to write, and text of it that it is given.
Lead = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Example:
    """One line of a dataset file; `trained` says for each assistant message, in order, whether it is trained on."""

    line: int
    messages: list[Message]
    trained: list[bool]
    #: Of the pair that it is, where that is known.
    pair_id: str | None = None
    #: The definitions of the tools that the assistant may call.
    tools: list[Message] | None = None

    @property
    def name(self) -> str:
        """What errors call it."""
        return _name(self.line, self.pair_id)

    @property
    def pair_ids(self) -> tuple[str, ...]:
        """The id of its pair, or nothing."""
        return () if self.pair_id is None else (self.pair_id,)


@dataclass(frozen=True, slots=True)
class Encoded:
    """One example as tokens. `spans` are the token ranges of the trained messages before any cut."""

    input_ids: list[int]
    labels: list[int]
    spans: list[Span]


def read_examples(
    path: Path, name: str, heard: Callable[[bytes], object] = len, *, ids: Iterable[str] = ()
) -> Iterator[Example]:
    """The examples in the JSONL file `path`, one by one; raises `TrainingFailed` naming `name` and the pair, or line.

    `heard` is given every line as it was read; `ids` are the pair ids of the lines, in order.
    """
    with path.open("rb") as file:
        for number, (line, pair_id) in enumerate(zip(file, chain(ids, repeat(None)), strict=False), start=1):
            heard(line)
            try:
                example = _example(number, json.loads(line), pair_id)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                wrong = (
                    "calls a tool with arguments that are no JSON"
                    if isinstance(error, NoJson)
                    else 'is not a chat example of the form {"messages": [{"role": …, "content": …}]}'
                )
                raise TrainingFailed(
                    "not_a_chat",
                    f"{name}: {_name(number, pair_id)} {wrong}: correct the pair and start the job again.",
                    pair_ids=() if pair_id is None else (pair_id,),
                ) from None
            yield example


def _name(line: int, pair_id: str | None) -> str:
    return f"the example in line {line}" if pair_id is None else f"pair {quoted(pair_id)}"


def _example(number: int, row: Any, pair_id: str | None) -> Example:
    messages, trained = [], []
    for given in row["messages"]:
        message = as_message(given)
        if message["role"] == "assistant":
            weight = given.get("weight")
            trained.append(weight is None or float(weight) != 0)
        messages.append(message)
    tools = as_tools(row.get("tools"))
    if not messages:
        raise ValueError
    return Example(number, messages, trained, pair_id, tools)


#: Renders the messages of one example and its tool definitions: the text, and the character span of each assistant
#: message in it, its end token included.
Renderer = Callable[[Sequence[Message], Sequence[Message] | None], tuple[str, list[Span]]]


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """How one tokenizer writes a chat. `source` says in words where the template came from.

    `leads` say where the prompt that is served ends, seen from the start of what the template calls the answer: from
    there on the model is trained. `ends` are the tokens with which an answer may end.
    """

    tokenizer: Any
    template: str
    render: Renderer
    plain: PlainText
    kept: Kept
    source: str
    leads: tuple[Lead, ...] = (("", ""),)
    ends: frozenset[int] = frozenset()

    def prompt(self, messages: Sequence[Message], tools: Sequence[Message] | None = None) -> list[int]:
        """The token ids with which the model is asked for the next answer, in training and where it is served."""
        return self.plain.prompt(messages, self.template, tools=tools)

    def encode(self, examples: Sequence[Example]) -> list[Encoded]:
        """Token ids and labels of `examples`, uncut; raises `TrainingFailed` naming one that cannot be."""
        rendered = [self._rendered(example) for example in examples]
        tokens = self.plain.encode(
            [text for text, _, _, _ in rendered],
            [mask for _, _, mask, _ in rendered],
            [cuts for _, _, _, cuts in rendered],
        )
        encoded = []
        for example, (text, spans, _, _), (ids, offsets) in zip(examples, rendered, tokens, strict=True):
            ranges = [
                _without_blanks(text, offsets, _token_range(offsets, span))
                for span, trained in zip(spans, example.trained, strict=True)
                if trained
            ]
            labels = [IGNORED] * len(ids)
            for start, end in ranges:
                labels[start:end] = ids[start:end]
            encoded.append(Encoded(ids, labels, ranges))
        return encoded

    def _rendered(self, example: Example) -> tuple[str, list[Span], str, list[int]]:
        """The text, the spans that are trained from the end of the prompt on, the mask of control tokens, and the cuts.

        Answers before the last one are cut off as where they are served, in `prompt`.
        """
        messages, tools, mask = self.plain.mask(example.messages, example.tools)
        try:
            text, spans = self.render(messages, tools)
            lost = self.kept.lost(messages, text, tools)
        except TrainingFailed as refusal:
            raise TrainingFailed(
                refusal.code, f"{refusal} It shows in {example.name}.", pair_ids=example.pair_ids
            ) from None
        except UNWRITABLE:
            raise TrainingFailed(
                "template_cannot_write",
                f"The base model's chat template cannot write {example.name} (roles: {_roles(example)}): choose a "
                "base_model whose template knows these roles in this order, or change the pair.",
                pair_ids=example.pair_ids,
            ) from None
        if lost:
            raise TrainingFailed(
                "template_leaves_out",
                f"The base model's chat template leaves out {lost} in {example.name} (roles: {_roles(example)}), so "
                "the model would not learn it: choose a base_model whose template writes it, or leave the pair out.",
                pair_ids=example.pair_ids,
            )
        answers = [message["content"] for message in messages if message["role"] == "assistant"]
        found = answer_spans(text, spans, answers)
        if found is None:
            raise TrainingFailed(
                "template_answers_uncertain",
                f"The base model's chat template marks {len(spans)} answers in {example.name}, which has "
                f"{len(example.trained)} assistant messages, so what to train on is not certain: choose another "
                "base_model.",
                pair_ids=example.pair_ids,
            )
        starts = [start_of_answer(text, span, self.leads) for span in found]
        last = max((place for place, message in enumerate(messages) if message["role"] == "assistant"), default=0)
        cuts = [*self.plain.starts(text, messages[:last], self.template, tools=tools), *starts[-1:]]
        return text, [(start, end) for start, (_, end) in zip(starts, found, strict=True)], mask, cuts


def _roles(example: Example) -> str:
    return ", ".join(message["role"] for message in example.messages[:6])


def answer_spans(text: str, spans: Sequence[Span], answers: Sequence[str]) -> list[Span] | None:
    """One span for each answer, where a template may mark one in several parts; None where that is not certain."""
    if len(spans) != len(answers):
        if not answers or len(spans) % len(answers):
            return None
        parts = len(spans) // len(answers)
        spans = [(spans[at][0], spans[at + parts - 1][1]) for at in range(0, len(spans), parts)]
        if any(answer.strip() not in text[slice(*span)] for span, answer in zip(spans, answers, strict=True)):
            return None
    return list(spans)


def start_of_answer(text: str, span: Span, leads: Sequence[Lead]) -> int:
    """Where the served prompt ends and the model begins to write: by the longest lead that is there."""
    start = span[0]
    there = [lead for lead in leads if text.endswith(lead[0], 0, start) and text.startswith(lead[1], start)]
    before, given = max(there, key=lambda lead: len(lead[0]) + len(lead[1]))
    return start - len(before) + len(given)


def _without_blanks(text: str, offsets: Sequence[Span], tokens: Span) -> Span:
    """`tokens` without the white space after an end token: generation has stopped by then."""
    start, end = tokens
    last = end
    while last > start and text[slice(*offsets[last - 1])].isspace():
        last -= 1
    return (start, last) if last > start else tokens


def _token_range(offsets: Sequence[Span], span: Span) -> Span:
    """The tokens that hold a character of `span`: the first may begin before it, as words take their space along."""
    start = bisect_right(offsets, span[0], key=lambda offset: offset[1])
    end = bisect_left(offsets, span[1], key=lambda offset: offset[0]) if span[0] < span[1] else start
    return start, end
