"""From chat examples to token ids and labels: only what the assistant says is trained on.

Text is rendered once by the model's chat template; the character spans of the assistant's messages decide which tokens
carry a label. A message of weight 0 carries none.
"""

from __future__ import annotations

import itertools
import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import jinja2

from .errors import NothingToTrain, TrainingFailed

#: The label of a token that is not trained on.
IGNORED: Final = -100
#: Lines of a file that an error names before it only counts.
NAMED_LINES: Final = 10
BATCH: Final = 256

Message = dict[str, Any]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Example:
    """One line of a dataset file; `trained` says for each assistant message, in order, whether it is trained on."""

    line: int
    messages: list[Message]
    trained: list[bool]


@dataclass(frozen=True, slots=True)
class Encoded:
    """One example as tokens. `spans` are the token ranges of the trained messages before any cut."""

    input_ids: list[int]
    labels: list[int]
    spans: list[Span]


def read_examples(path: Path, name: str) -> Iterator[Example]:
    """The examples in the JSONL file `path`, one by one; raises `TrainingFailed` naming `name` and the line."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield _example(number, json.loads(line))
            except (ValueError, TypeError, KeyError, AttributeError):
                raise TrainingFailed(
                    f'{name}, line {number}, is not a chat example of the form {{"messages": [{{"role": …, '
                    '"content": …}}]}: correct the file and start the job again.'
                ) from None


def _example(number: int, row: Any) -> Example:
    messages, trained = [], []
    for given in row["messages"]:
        message = {key: value for key, value in given.items() if value is not None and key != "weight"}
        message.setdefault("content", "")
        if not isinstance(message["role"], str) or not isinstance(message["content"], str):
            raise TypeError
        if "tool_calls" in message:
            message["tool_calls"] = [_tool_call(call) for call in _parsed(message["tool_calls"])]
        if message["role"] == "assistant":
            weight = given.get("weight")
            trained.append(weight is None or float(weight) != 0)
        messages.append(message)
    if not messages:
        raise ValueError
    return Example(number, messages, trained)


def _tool_call(call: dict[str, Any]) -> dict[str, Any]:
    """A tool call whose arguments are an object, as chat templates expect them, where they come as JSON text."""
    function = call.get("function")
    if not isinstance(function, dict):
        return call
    return {**call, "function": {**function, "arguments": _parsed(function.get("arguments", {}))}}


def _parsed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


#: Renders one example: the text, and the character span of each assistant message in it, its end token included.
Renderer = Callable[[Sequence[Message]], tuple[str, list[Span]]]


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """How one tokenizer writes a chat. `source` says in words where the template came from."""

    tokenizer: Any
    render: Renderer
    render_prompt: Callable[[Sequence[Message]], str]
    source: str

    def encode(self, examples: Sequence[Example]) -> list[Encoded]:
        """Token ids and labels of `examples`, uncut. Pure."""
        if not examples:
            return []  # the tokenizer takes no empty batch
        rendered = [self._rendered(example) for example in examples]
        tokens = self.tokenizer(
            [text for text, _ in rendered], add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        encoded = []
        for example, (_, spans), ids, offsets in zip(
            examples, rendered, tokens["input_ids"], tokens["offset_mapping"], strict=True
        ):
            ranges = [
                _token_range(offsets, span) for span, trained in zip(spans, example.trained, strict=True) if trained
            ]
            labels = [IGNORED] * len(ids)
            for start, end in ranges:
                labels[start:end] = ids[start:end]
            encoded.append(Encoded(ids, labels, ranges))
        return encoded

    def _rendered(self, example: Example) -> tuple[str, list[Span]]:
        try:
            text, spans = self.render(example.messages)
        except jinja2.TemplateError:
            roles = ", ".join(message["role"] for message in example.messages[:6])
            raise TrainingFailed(
                f"The base model's chat template cannot write the example in line {example.line} (roles: {roles}): "
                "choose a base_model whose template knows these roles in this order, or change the example."
            ) from None
        if len(spans) != len(example.trained):
            raise TrainingFailed(
                f"The base model's chat template marks {len(spans)} answers in the example in line {example.line}, "
                f"which has {len(example.trained)} assistant messages, so what to train on is not certain: choose "
                "another base_model."
            )
        return text, spans


def _token_range(offsets: Sequence[Span], span: Span) -> Span:
    """The tokens that hold a character of `span`: the first may begin before it, as words take their space along."""
    start = bisect_right(offsets, span[0], key=lambda offset: offset[1])
    end = bisect_left(offsets, span[1], key=lambda offset: offset[0]) if span[0] < span[1] else start
    return start, end


@dataclass(slots=True)
class Counts:
    """What encoding a file came to."""

    examples: int = 0
    tokens: int = 0
    trained_tokens: int = 0
    truncated: int = 0
    longest: int = 0
    untrained_lines: list[int] = field(default_factory=list)
    untrained: int = 0
    cut_off: int = 0

    def add(self, line: int, encoded: Encoded, max_length: int) -> None:
        """Count one example as it is after the cut to `max_length`."""
        trained = sum(label != IGNORED for label in encoded.labels[:max_length])
        self.examples += 1
        self.tokens += min(len(encoded.input_ids), max_length)
        self.trained_tokens += trained
        self.truncated += len(encoded.input_ids) > max_length
        self.longest = max(self.longest, len(encoded.input_ids))
        if not trained:
            self.untrained += 1
            self.cut_off += any(start < end for start, end in encoded.spans)
            if len(self.untrained_lines) < NAMED_LINES:
                self.untrained_lines.append(line)


def write_tokens(source: Path, name: str, chat: ChatFormat, max_length: int, target: Path) -> Counts:
    """Encode the examples of `source`, cut to `max_length` tokens, into the Arrow stream `target`; memory is bounded.

    Raises `TrainingFailed`, naming the lines, if any example has no trained token: it would teach nothing, and its loss
    would be no number.
    """
    import pyarrow as pa

    schema = pa.schema({"input_ids": pa.list_(pa.int32()), "labels": pa.list_(pa.int32())})
    counts = Counts()
    target.parent.mkdir(exist_ok=True)
    with pa.OSFile(str(target), "wb") as sink, pa.ipc.new_stream(sink, schema) as stream:
        for batch in batches(read_examples(source, name), BATCH):
            encoded = chat.encode(batch)
            for example, one in zip(batch, encoded, strict=True):
                counts.add(example.line, one, max_length)
            columns = [[one.input_ids[:max_length] for one in encoded], [one.labels[:max_length] for one in encoded]]
            stream.write_batch(pa.record_batch([pa.array(column, pa.list_(pa.int32())) for column in columns], schema))
    _refuse_untrained(name, counts, max_length)
    return counts


def batches(items: Iterable[Example], size: int) -> Iterator[list[Example]]:
    """`items` in lists of at most `size`."""
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


def _refuse_untrained(name: str, counts: Counts, max_length: int) -> None:
    if not counts.examples:
        raise TrainingFailed(f"{name} is empty: there is nothing to train on.")
    if not counts.untrained:
        return
    lines = ", ".join(str(line) for line in counts.untrained_lines)
    more = f" and {counts.untrained - len(counts.untrained_lines)} more" if counts.untrained > NAMED_LINES else ""
    causes = []
    if counts.cut_off:
        causes.append(
            f"{counts.cut_off} lose their whole answer to max_length {max_length}: raise max_length (the longest "
            f"example has {counts.longest} tokens) or shorten the questions"
        )
    if counts.cut_off < counts.untrained:
        causes.append(
            f"{counts.untrained - counts.cut_off} have no assistant message of weight 1: add one or leave them out"
        )
    raise NothingToTrain(
        f"{name}: {counts.untrained} of {counts.examples} examples have nothing to train on (line {lines}{more}). "
        + "; ".join(causes)
        + "."
    )
