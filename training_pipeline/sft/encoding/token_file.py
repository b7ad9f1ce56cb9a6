"""A dataset file as token ids on disk, and what encoding it came to."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ..errors import NothingToTrain, TrainingFailed
from .asked import prompts_of
from .data import IGNORED, ChatFormat, Encoded, Example, read_examples
from .pair_ids import NAMED, listed

BATCH: Final = 256


@dataclass(slots=True)
class Counts:
    """What encoding a file came to."""

    examples: int = 0
    tokens: int = 0
    trained_tokens: int = 0
    truncated: int = 0
    longest: int = 0
    #: The first of those without a trained token.
    untrained_examples: list[Example] = field(default_factory=list)
    untrained: int = 0
    cut_off: int = 0
    #: The tokens that end the trained answers.
    ends: set[int] = field(default_factory=set)
    #: Of the bytes that were read.
    sha256: str = ""

    def add(self, example: Example, encoded: Encoded, max_length: int) -> None:
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
            if len(self.untrained_examples) < NAMED:
                self.untrained_examples.append(example)


def write_tokens(
    source: Path, name: str, chat: ChatFormat, max_length: int, target: Path, *, ids: Iterable[str] = ()
) -> Counts:
    """Encode the examples of `source`, cut to `max_length` tokens, into the Arrow stream `target`; memory is bounded.

    `ids` are the pair ids of its lines, in order. Raises `TrainingFailed`, naming the pairs, if any example has no
    trained token: it would teach nothing, and its loss would be no number. The same if the template loses a part of an
    example or writes an answer without its end.
    """
    import pyarrow as pa

    schema = pa.schema({"input_ids": pa.list_(pa.int32()), "labels": pa.list_(pa.int32())})
    counts = Counts()
    digest = hashlib.sha256()
    target.parent.mkdir(exist_ok=True)
    with pa.OSFile(str(target), "wb") as sink, pa.ipc.new_stream(sink, schema) as stream:
        for batch in batches(read_examples(source, name, digest.update, ids=ids), BATCH):
            found = encoded_with_ends(chat, batch, name)
            encoded = [one for one, _ in found]
            for example, (one, ends) in zip(batch, found, strict=True):
                counts.ends |= ends
                counts.add(example, one, max_length)
            columns = [[one.input_ids[:max_length] for one in encoded], [one.labels[:max_length] for one in encoded]]
            stream.write_batch(pa.record_batch([pa.array(column, pa.list_(pa.int32())) for column in columns], schema))
    _refuse_untrained(name, counts, max_length)
    counts.sha256 = digest.hexdigest()
    return counts


def encoded_with_ends(chat: ChatFormat, batch: list[Example], name: str) -> list[tuple[Encoded, set[int]]]:
    """The examples as tokens, uncut, each with the tokens that end its trained answers.

    Raises `TrainingFailed` for the first that the template cannot write whole, writes without an end, or asks for in
    another way than it writes it.
    """
    allowed = chat.ends | set(chat.tokenizer.all_special_ids)
    try:
        encoded = chat.encode(batch)
    except TrainingFailed as refusal:
        raise TrainingFailed(refusal.code, f"{name}: {refusal}", pair_ids=refusal.pair_ids) from None
    found = [(one, _ends(example, one, allowed, name)) for example, one in zip(batch, encoded, strict=True)]
    trained = [(example, one) for example, one in zip(batch, encoded, strict=True) if one.spans]
    prompts_of([example for example, _ in trained], [one for _, one in trained], chat, name)
    return found


def _ends(example: Example, encoded: Encoded, allowed: set[int] | frozenset[int], name: str) -> set[int]:
    """The last tokens of the answers that are trained, before any cut."""
    ends = {encoded.input_ids[end - 1] for start, end in encoded.spans if start < end}
    if not ends <= allowed:
        raise TrainingFailed(
            "template_without_end",
            f"{name}: the base model's chat template writes no end token behind an answer of {example.name}, so the "
            "model would not learn to stop there: choose another base_model, or leave the pair out.",
            pair_ids=example.pair_ids,
        )
    return ends


def batches(items: Iterable[Example], size: int) -> Iterator[list[Example]]:
    """`items` in lists of at most `size`."""
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


def _refuse_untrained(name: str, counts: Counts, max_length: int) -> None:
    if not counts.examples:
        raise TrainingFailed("empty_file", f"{name} is empty: there is nothing to train on.")
    if not counts.untrained:
        return
    ids = [pair_id for example in counts.untrained_examples for pair_id in example.pair_ids]
    lines = ", ".join(str(example.line) for example in counts.untrained_examples)
    more = f" and {counts.untrained - NAMED} more" if counts.untrained > NAMED else ""
    which = listed(ids, counts.untrained) if ids else f"line {lines}{more}"
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
        "nothing_to_train",
        f"{name}: {counts.untrained} of {counts.examples} examples have nothing to train on ({which}). "
        + "; ".join(causes)
        + ".",
        pair_ids=ids,
    )
