"""Usage constraints as expressions: what a pair and its canonical label say together, compared as words.

A list of uses becomes the text `,training,validation,`: one look at each word, and finding a use in it is far faster
than in a list.
"""

from __future__ import annotations

from typing import Final

import ibis
import ibis.expr.types as ir

from training_pipeline.domain.rules.text.characters import lowered, trimmed
from training_pipeline.domain.rules.text.dialects import let
from training_pipeline.domain.usage import STRICTNESS, Use

_UNKNOWN: Final = "?"
_ONLY_KNOWN: Final = f"^,(,|(({'|'.join(Use)}),)+)$"


def words(uses: ir.ArrayValue) -> ir.StringValue:
    """The words, trimmed and in lower case, each between commas; null where the list is null."""
    # Joined, an empty list is null on Databricks and empty in DuckDB, which would work it out twice.
    joined = let(uses.map(_spelled), lambda spelled: spelled.join(","))
    return ibis.cases((uses.notnull(), ibis.literal(",") + joined.fill_null("") + ","))


def _spelled(word: ir.StringValue) -> ir.StringValue:
    # Nearly all are spelled well. A comma must not make two words of one; a null or an empty word must not vanish.
    other = lowered(trimmed(word.replace(",", _UNKNOWN))).nullif("").fill_null(_UNKNOWN)
    return ibis.cases((word.isin(list(Use)), word), else_=other)


def names(uses: ir.StringValue, use: Use) -> ir.BooleanValue:
    """Whether `use` is among the words; null where they are."""
    return uses.contains(f",{use},")


def all_known(uses: ir.StringValue) -> ir.BooleanValue:
    """Whether every word is a use; null where the words are."""
    return uses.re_search(_ONLY_KNOWN)


def strictness(word: ir.StringValue) -> ir.IntegerValue:
    """Place of a classification in `STRICTNESS`, -1 where it is empty, null where it is unknown."""
    return ibis.cases((word == "", -1), *((word == str(known), rank) for rank, known in enumerate(STRICTNESS)))


def classification(rank: ir.IntegerValue) -> ir.StringValue:
    """The word for a place in `STRICTNESS`; null for -1."""
    return ibis.cases(*((rank == place, str(known)) for place, known in enumerate(STRICTNESS)))
