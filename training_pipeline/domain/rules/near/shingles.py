"""Texts as sets of numbers: a hash for each 5 characters in a row, and what of them the sheet's template repeats.

Everything is worked out a chunk of texts at a time, and again for each pass: the shingles of a million questions are
ten times as large as their text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training_pipeline.domain.manifest import text_bytes

Integers = NDArray[np.int64]
Hashes = NDArray[np.uint64]

#: Characters a shingle. A shorter text is one shingle.
LENGTH: Final = 5
#: A shingle is template where so many questions have it, and more than half of all.
TEMPLATE_QUESTIONS: Final = 20

#: Bytes of text a chunk, so that its arrays stay in the processor's cache.
_CHUNK: Final = 1 << 18
#: What fills up a short text: no question has it.
_PADDING: Final = "\0"
#: Odd numbers without a pattern: the digits of the golden ratio, and a multiplier of splitmix64.
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX: Final = np.uint64(0xBF58476D1CE4E5B9)
#: In so many texts it is looked at first which shingles may be template.
_SAMPLED: Final = 4096
#: Bits of a hash that say at first glance that it is not known.
_GLANCE: Final = np.uint64(16)


@dataclass(frozen=True, slots=True)
class Shingles:
    """The shingles of some texts, one text after the other; what a text repeats stands there as often."""

    hashes: Hashes
    #: Where the shingles of each text begin, and at the end where the last ones end.
    offsets: Integers
    #: A number for the sequences of digits of each text: 0 where it has none.
    digits: Hashes

    @property
    def texts(self) -> Integers:
        """For each shingle the number of its text."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def without(self, template: Hashes) -> Shingles:
        """Those that are not in `template`, which is sorted."""
        if not len(template):
            return self
        keep = ~is_in(self.hashes, template)
        kept = np.concatenate([[0], np.cumsum(keep)])
        return Shingles(self.hashes[keep], kept[self.offsets], self.digits)


def mixed(hashes: Hashes) -> Hashes:
    """Every bit of each number in all of its bits."""
    hashes = (hashes ^ (hashes >> np.uint64(32))) * _MIX
    return hashes ^ (hashes >> np.uint64(29))


def is_in(hashes: Hashes, known: Hashes) -> NDArray[np.bool_]:
    """Which of `hashes` are in `known`, which is sorted and not empty."""
    shift = np.uint64(64) - _GLANCE
    glance = np.zeros(1 << int(_GLANCE), dtype=bool)
    glance[known >> shift] = True
    found: NDArray[np.bool_] = glance[hashes >> shift]
    places = np.flatnonzero(found)
    maybe = hashes[places]
    found[places] = known[np.minimum(np.searchsorted(known, maybe), len(known) - 1)] == maybe
    return found


def shingles(texts: pa.LargeStringArray) -> Shingles:
    """The shingles of texts without nulls. Equal texts have equal numbers, everywhere and always."""
    padded = pc.utf8_rpad(texts, LENGTH, _PADDING)
    codes = np.frombuffer(bytes(text_bytes(padded)).decode().encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    ends = np.cumsum(pc.utf8_length(padded).to_numpy().astype(np.int64))
    starts = np.concatenate([[0], ends])
    hashes = np.zeros(len(codes), dtype=np.uint64)
    whole = len(codes) - LENGTH + 1
    for place in range(LENGTH if whole > 0 else 0):
        hashes[:whole] *= _STEP
        hashes[:whole] += codes[place : place + whole]
    inside = np.ones(len(codes), dtype=bool)
    inside[(ends[:, None] - np.arange(1, LENGTH)).ravel()] = False
    offsets = starts - np.arange(len(starts)) * (LENGTH - 1)
    return Shingles(mixed(hashes[inside]), offsets, _digits(codes, starts))


def _digits(codes: Hashes, starts: Integers) -> Hashes:
    """A number for the sequences of digits of each text: "1 and 12" has others than "11 and 2"."""
    numbers = np.zeros(len(starts) - 1, dtype=np.uint64)
    places = np.flatnonzero(_is_digit(codes))
    if not len(places):
        return numbers
    text = np.searchsorted(starts, places, side="right") - 1
    first = np.concatenate([[0], np.flatnonzero(np.diff(text)) + 1])
    # A digit that follows no digit begins a sequence.
    begins = np.ones(len(places), dtype=np.uint64)
    begins[1:] = np.diff(places) != 1
    begins[first] = 1
    rank = np.arange(len(places)) - np.repeat(first, np.diff([*first, len(places)]))
    powers = np.cumprod(np.full(int(rank.max()) + 1, _STEP))
    numbers[text[first]] = np.add.reduceat((codes[places] * np.uint64(2) + begins) * powers[rank], first)
    return mixed(numbers)


def _is_digit(codes: Hashes) -> NDArray[np.bool_]:
    found = (codes >= ord("0")) & (codes <= ord("9"))
    others = [code for code in np.unique(codes[codes > 127]).tolist() if chr(code).isdecimal()]
    return found | np.isin(codes, np.array(others, dtype=np.uint64)) if others else found


class Texts:
    """Many texts, of which shingles are asked for a chunk at a time, as often as needed."""

    def __init__(self, texts: pa.ChunkedArray) -> None:
        whole = texts.cast(pa.large_string()).combine_chunks()
        self._texts: pa.LargeStringArray = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole

    def __len__(self) -> int:
        return len(self._texts)

    def with_others(self, others: pa.ChunkedArray) -> Texts:
        """These and others after them."""
        return Texts(pa.chunked_array([self._texts, *others.cast(self._texts.type).chunks], self._texts.type))

    def take(self, rows: Integers) -> Shingles:
        """The shingles of some of the texts."""
        return shingles(self._texts.take(pa.array(rows)))

    def chunks(self) -> Iterator[tuple[int, Shingles]]:
        """The shingles of all texts, chunk by chunk, with the number of the chunk's first text."""
        ends = np.cumsum(pc.binary_length(self._texts).to_numpy())
        start, done = 0, 0
        while start < len(self):
            stop = max(int(np.searchsorted(ends, done + _CHUNK, side="right")), start + 1)
            yield start, shingles(self._texts.slice(start, stop - start))
            start, done = stop, int(ends[stop - 1])


def template(texts: Texts) -> Hashes:
    """The shingles that more than half of the texts have, and `TEMPLATE_QUESTIONS` at least; sorted."""
    least = max(len(texts) // 2 + 1, TEMPLATE_QUESTIONS)
    if len(texts) < least:
        return np.empty(0, dtype=np.uint64)
    found = _frequent(texts.take(_sample(len(texts))), 0.4)
    count = np.zeros(len(found), dtype=np.int64)
    for _, chunk in texts.chunks() if len(found) else ():
        known = is_in(chunk.hashes, found)
        has = np.zeros((len(chunk.digits), len(found)), dtype=bool)
        has[chunk.texts[known], np.searchsorted(found, chunk.hashes[known])] = True
        count += has.sum(axis=0)
    return found[count >= least]


def _sample(count: int) -> Integers:
    """Some of the texts by their numbers, in no pattern: what more than half of all have, 40 % of these have."""
    if count <= _SAMPLED:
        return np.arange(count)
    return np.sort(np.argpartition(mixed(np.arange(count, dtype=np.uint64) * _STEP), _SAMPLED)[:_SAMPLED])


def _frequent(of: Shingles, share: float) -> Hashes:
    """The shingles that this share of the texts has."""
    order = np.lexsort((of.texts, of.hashes))
    hashes, text = of.hashes[order], of.texts[order]
    new = np.ones(len(hashes), dtype=bool)  # what a text repeats counts once
    new[1:] = (hashes[1:] != hashes[:-1]) | (text[1:] != text[:-1])
    found, count = np.unique(hashes[new], return_counts=True)
    return found[count >= share * len(of.digits)]
