"""Nearly equal questions: found by MinHash (rensa), each pair then compared exactly.

Two questions are nearly equal where the Jaccard similarity of their shingles, without those of the template, is as
large as asked for, and their sequences of digits are the same: questions that differ in a number alone are different.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from training_pipeline.domain.rules.near.shingles import Hashes, Integers, Shingles, Texts, mixed, template

#: Raise it whenever other pairs may be found: with other shingles, other signatures or another library's.
NEAR_QUESTIONS_VERSION: Final = "2"

#: A signature is so many numbers; two questions are compared where all numbers of a band are equal. Of pairs with the
#: similarity 0.8, 1 in 14,000 has no such band; with 0.84, 1 in 300,000.
_BANDS: Final = 24
_BAND: Final = 5
_SIGNATURE: Final = _BANDS * _BAND
_SEED: Final = 42
#: Texts that are signed at once; with more, the library's answer leaves the processor's cache.
_SIGNED: Final = 500
#: In a band a question is compared with so many others: of more, with those that are also alike in the next band.
_WINDOW: Final = 8
#: Pairs that are compared exactly at once.
_COMPARED: Final = 20_000


@dataclass(frozen=True, slots=True)
class NearPairs:
    """Pairs of nearly equal texts by their numbers, in the order of these; `first` is the smaller one."""

    first: Integers
    second: Integers
    #: Jaccard similarity of the two.
    similarity: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Signatures:
    #: uint32, a row a text: equal where all numbers of a band and the digits are equal.
    bands: NDArray[np.uint32]
    #: One bit of each number, as two uint64 a text.
    sketch: Hashes
    #: Texts that have any shingle.
    signed: NDArray[np.bool_]
    digits: Hashes

    def with_others(self, others: _Signatures) -> _Signatures:
        """These and others after them."""
        both = ((getattr(self, name), getattr(others, name)) for name in self.__slots__)
        return _Signatures(*(np.concatenate(arrays) for arrays in both))


@dataclass(frozen=True, slots=True)
class SignedTexts:
    """Texts and what is worked out of them once, to find those that are nearly equal."""

    texts: Texts
    template: Hashes
    signatures: _Signatures


def signed(questions: pa.ChunkedArray) -> SignedTexts:
    """The questions, none of which is null, ready to be compared."""
    texts = Texts(questions)
    repeated = template(texts)
    return SignedTexts(texts, repeated, _signatures(texts, repeated))


def near_pairs(questions: pa.ChunkedArray | SignedTexts, *, similarity: float) -> NearPairs:
    """The pairs of `questions`, none of which is null, that are nearly equal.

    `similarity` is at least 0.8: less would not be found reliably. The same questions give the same pairs, in whatever
    order they are, but for the numbers; and but for sheets in which so many are half alike that not all are compared.
    """
    of = questions if isinstance(questions, SignedTexts) else signed(questions)
    return _measured(of, _codes(of, similarity), similarity)


def near_to(questions: SignedTexts, others: pa.ChunkedArray, *, similarity: float) -> NearPairs:
    """The pairs of `near_pairs` of both together, questions first, that are a question and one of the others."""
    ours = len(questions.texts)
    texts = questions.texts.with_others(others)
    repeated = template(texts)
    if np.array_equal(repeated, questions.template):
        signatures = questions.signatures.with_others(_signatures(Texts(others), repeated))
    else:
        signatures = _signatures(texts, repeated)
    both = SignedTexts(texts, repeated, signatures)
    codes = _codes(both, similarity)
    first, second = np.divmod(codes, len(texts))
    return _measured(both, codes[(first < ours) & (second >= ours)], similarity)


def _codes(of: SignedTexts, similarity: float) -> Integers:
    """The pairs to be compared, each once, in their order: the first's number times the count, plus the second's."""
    return np.unique(np.concatenate([*_candidates(of.signatures, similarity)]))


def _measured(of: SignedTexts, codes: Integers, similarity: float) -> NearPairs:
    found: list[tuple[Integers, Integers, NDArray[np.float64]]] = []
    for start in range(0, len(codes), _COMPARED):
        first, second = np.divmod(codes[start : start + _COMPARED], len(of.texts))
        measured = _similarity(of.texts, of.template, first, second)
        near = measured >= similarity
        found.append((first[near], second[near], measured[near]))
    if not found:
        return NearPairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))
    return NearPairs(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _signatures(texts: Texts, repeated: Hashes) -> _Signatures:
    bands = np.empty((len(texts), _BANDS), dtype=np.uint32)
    sketch = np.empty((len(texts), 2), dtype=np.uint64)
    signed = np.empty(len(texts), dtype=bool)
    digits = np.empty(len(texts), dtype=np.uint64)
    for start, chunk in texts.chunks():
        rest = chunk.without(repeated)
        here = slice(start, start + len(rest.digits))
        signed[here] = np.diff(rest.offsets) > 0
        digits[here] = rest.digits
        for begin in range(0, len(rest.digits), _SIGNED):
            part = _signed(rest, begin, min(begin + _SIGNED, len(rest.digits)))
            at = slice(start + begin, start + begin + len(part))
            bands[at] = _banded(part, digits[at])
            sketch[at] = _sketched(part)
    return _Signatures(bands, sketch, signed, digits)


def _signed(of: Shingles, start: int, stop: int) -> NDArray[np.uint32]:
    """The signatures of texts, one a row."""
    from rensa import RMinHash  # only where a split is made

    offsets = of.offsets[start : stop + 1]
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        of.hashes[offsets[0] : offsets[-1]], (offsets - offsets[0]).astype(np.uint64), _SIGNATURE, _SEED
    )
    numbers = chain.from_iterable(matrix.to_rows())
    return np.fromiter(numbers, dtype=np.uint32, count=(stop - start) * _SIGNATURE).reshape(-1, _SIGNATURE)


def _banded(signatures: NDArray[np.uint32], digits: Hashes) -> NDArray[np.uint32]:
    numbers = signatures.reshape(-1, _BANDS, _BAND)
    hashes = np.repeat(digits[:, None], _BANDS, axis=1)
    for place in range(_BAND):
        hashes = mixed(hashes + numbers[:, :, place])
    return (hashes >> np.uint64(32)).astype(np.uint32)


def _sketched(signatures: NDArray[np.uint32]) -> Hashes:
    bits = np.zeros((len(signatures), 128), dtype=np.uint8)
    bits[:, :_SIGNATURE] = signatures & 1
    return np.packbits(bits, axis=1).view(np.uint64)


def _candidates(of: _Signatures, similarity: float) -> Iterator[Integers]:
    """Pairs that agree in a band, as the first's number times the count of texts plus the second's."""
    yield np.empty(0, dtype=np.int64)
    rows = np.flatnonzero(of.signed)
    number = np.uint64((1 << len(of.signed).bit_length()) - 1)
    # Every number of two signatures is equal as often as they are similar, and a bit of unequal ones half the time.
    unlike = (1 - similarity) / 2
    most = int(_SIGNATURE * unlike + 5 * (_SIGNATURE * unlike * (1 - unlike)) ** 0.5)
    for band in range(_BANDS):
        # As one number each, for numbers sort fast: the band, as much of the next one as has room, and the row.
        after = of.bands[rows, (band + 1) % _BANDS] & ~number
        numbers = np.sort(of.bands[rows, band].astype(np.uint64) << np.uint64(32) | after | rows.astype(np.uint64))
        key, ordered = numbers >> np.uint64(32), (numbers & number).astype(np.int64)
        places = np.arange(len(ordered))
        for step in range(1, _WINDOW + 1):
            places = places[: np.searchsorted(places, len(ordered) - step)]
            places = places[key[places] == key[places + step]]
            one, other = ordered[places], ordered[places + step]
            differing = np.bitwise_count(of.sketch[one] ^ of.sketch[other]).sum(axis=1)
            alike = (differing <= most) & (of.digits[one] == of.digits[other])
            one, other = one[alike], other[alike]
            yield np.minimum(one, other) * len(of.signed) + np.maximum(one, other)


def _similarity(texts: Texts, repeated: Hashes, first: Integers, second: Integers) -> NDArray[np.float64]:
    """The Jaccard similarity of each pair, from all of their shingles."""
    from scipy.sparse import csr_array

    rows, place = np.unique(np.concatenate([first, second]), return_inverse=True)
    of = texts.take(rows).without(repeated)
    # A row a text, a column a shingle; the columns are the hashes themselves.
    columns = (of.hashes >> np.uint64(1)).astype(np.int64)
    sets = csr_array((np.ones(len(columns), dtype=np.int8), columns, of.offsets), shape=(len(rows), 1 << 63 - 1))
    sets.sum_duplicates()
    sizes = np.diff(sets.indptr)
    one, other = place[: len(first)], place[len(first) :]
    common = np.diff(sets[one].multiply(sets[other]).indptr)
    return np.asarray(common / (sizes[one] + sizes[other] - common), dtype=np.float64)
