"""The texts of questions, each once, with the rows that ask it: what is compared to find nearly equal ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training_pipeline.domain.hash_key import HashKey
from training_pipeline.domain.rules.comparison import ONLY
from training_pipeline.domain.rules.near.questions import NearPairs, SignedTexts, near_pairs, near_to, signed
from training_pipeline.domain.rules.turns import ALONE, HASH_DIGITS

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class AskedTexts:
    """Questions of pairs and of their turns.

    Where neither of two questions is asked outright, both are what a turn of a conversation asks on its own, and they
    are not compared: "Yes, please." is said in many.
    """

    #: Ready to be compared.
    texts: SignedTexts
    #: For each text whether it is asked outright.
    outright: NDArray[np.bool_]
    #: For each time that one of them is asked its number, and the row that asks it.
    text: Integers
    rows: Integers

    def near(self, *, similarity: float) -> NearPairs:
        """Rows with nearly equal questions: so many pairs of rows that whatever belongs together is connected."""
        near = near_pairs(self.texts, similarity=similarity)
        kept = self.outright[near.first] | self.outright[near.second]
        first, second, measured = near.first[kept], near.second[kept], near.similarity[kept]
        best = np.zeros(len(self.outright))
        np.maximum.at(best, np.concatenate([first, second]), np.concatenate([measured, measured]))
        _, head = np.unique(self.text, return_index=True)
        again = np.flatnonzero((best[self.text] > 0) & (head[self.text] != np.arange(len(self.text))))
        return NearPairs(
            np.concatenate([self.rows[head[first]], self.rows[head[self.text[again]]]]),
            np.concatenate([self.rows[head[second]], self.rows[again]]),
            np.concatenate([measured, best[self.text[again]]]),
        )

    def rows_near(self, others: pa.ChunkedArray, outright: NDArray[np.bool_], *, similarity: float) -> Integers:
        """The rows with a question nearly equal to one of `others`, of which it is known which are outright."""
        near = near_to(self.texts, others, similarity=similarity)
        kept = self.outright[near.first] | outright[near.second - len(self.outright)]
        return np.unique(self.rows[np.isin(self.text, near.first[kept])])


def asked_texts(
    rows: Integers, asks: pa.ChunkedArray, tying: pa.Array, instructions: pa.Array, key: HashKey | None
) -> AskedTexts:
    """What rows ask, a list of texts each as in `Comparison.turn_texts`.

    Left out are questions that tie nothing, being instructions: `tying` has the hashes that tie, under `key` or under
    none, and `instructions` others that do not.
    """
    lists = asks.cast(pa.large_list(pa.large_string())).combine_chunks()
    texts, of = pc.list_flatten(lists), rows[pc.list_parent_indices(lists).to_numpy()]
    marks = pc.utf8_slice_codeunits(texts, 0, 1)
    alone = np.asarray(pc.equal(marks, ALONE))
    turns = np.flatnonzero(np.asarray(pc.not_equal(marks, ONLY)))
    keep, number = np.ones(len(texts), dtype=bool), np.arange(len(texts))
    if len(turns):
        said = pc.utf8_slice_codeunits(texts.take(pa.array(turns)), 1, 1 + HASH_DIGITS)
        hashes = _under(said, key)
        ties, outright = np.asarray(pc.is_in(hashes, tying)), ~alone[turns]
        never = pa.concat_arrays([instructions, hashes.filter(pa.array(outright & ~ties))])
        keep[turns] = np.where(outright, ties, np.asarray(pc.invert(pc.is_in(hashes, never))))
        _, first, same = np.unique(hashes.dictionary_encode().indices, return_index=True, return_inverse=True)
        number[turns] = turns[first[same]]
    texts = pc.utf8_slice_codeunits(texts, 1 + HASH_DIGITS)
    keep &= np.asarray(pc.not_equal(texts, ""))
    which, text = np.unique(number[keep], return_inverse=True)
    asked_outright = np.zeros(len(which), dtype=bool)
    np.logical_or.at(asked_outright, text, ~alone[keep])
    return AskedTexts(signed(pa.chunked_array([texts.take(pa.array(which))])), asked_outright, text, of[keep])


def held_out_texts(
    asks: pa.ChunkedArray, instructions: pa.Array, key: HashKey | None
) -> tuple[pa.ChunkedArray, NDArray[np.bool_]]:
    """The different texts in `asks`, each as in `Comparison.turn_texts`, those of `instructions` left out; sorted.

    With them for each whether it is asked outright.
    """
    hashes = _under(pc.utf8_slice_codeunits(asks, 1, 1 + HASH_DIGITS).combine_chunks(), key)
    kept = asks.filter(pc.invert(pc.is_in(hashes, instructions)))
    table = pa.table(
        {
            "text": pc.utf8_slice_codeunits(kept, 1 + HASH_DIGITS),
            "outright": pc.not_equal(pc.utf8_slice_codeunits(kept, 0, 1), ALONE),
        }
    )
    each = table.filter(pc.not_equal(table["text"], "")).group_by("text").aggregate([("outright", "any")])
    each = each.sort_by("text")
    return each["text"], np.asarray(each["outright_any"])


def hashes_in(questions: pa.ChunkedArray) -> pa.Array:
    """The unmarked hashes in texts with several each, between blanks."""
    every = pc.list_flatten(pc.split_pattern(questions.drop_null(), " "))
    found = pc.unique(every.combine_chunks() if isinstance(every, pa.ChunkedArray) else every)
    return found.filter(pc.less_equal(pc.utf8_length(found), HASH_DIGITS))


def _under(hashes: pa.Array, key: HashKey | None) -> pa.Array:
    return hashes.cast(pa.string()) if key is None else pa.array(key.of_all(hashes.to_pylist()), pa.string())
