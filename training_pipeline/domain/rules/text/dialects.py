"""What DuckDB and Databricks SQL call by different names, so that a rule is written once for both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from training_pipeline.domain.rules.text.characters import engine_function

_STRINGS: Final = dt.Array(dt.string)
_INTEGERS: Final = dt.Array(dt.int64)
_TEXT_AND_PATTERN: Final = {"text": dt.string, "pattern": dt.string}
_REPLACE: Final = {**_TEXT_AND_PATTERN, "by": dt.string}

_duckdb_aggregate = engine_function(
    "list_aggregate", {"texts": _STRINGS, "function": dt.string, "separator": dt.string}, dt.string
)
_duckdb_replace = engine_function("regexp_replace", {**_REPLACE, "options": dt.string}, dt.string)
_duckdb_slice = engine_function("list_slice", {"texts": _STRINGS, "first": dt.int64, "last": dt.int64}, _STRINGS)
_spark_slice = engine_function("slice", {"texts": _STRINGS, "first": dt.int32, "length": dt.int32}, _STRINGS)
_spark_split = engine_function("split", _TEXT_AND_PATTERN, _STRINGS)
_spark_find_all = engine_function("regexp_extract_all", {**_TEXT_AND_PATTERN, "group": dt.int64}, _STRINGS)


@dataclass(frozen=True, slots=True)
class EngineWords:
    """Functions of one engine. Places in lists are counted from 0, and must be there (an INT, for Spark)."""

    #: (texts, separator): the texts in one, empty where there are none.
    joined: Callable[[ir.ArrayValue, str], ir.StringValue]
    #: (texts, first, behind): the texts from the place `first` to the one before `behind`.
    between: Callable[[ir.ArrayValue, ir.IntegerValue, ir.IntegerValue], ir.ArrayValue]
    #: (texts, place): one of the texts.
    text_at: Callable[[ir.ArrayValue, ir.IntegerValue], ir.StringValue]
    #: (numbers, place): one of the numbers.
    number_at: Callable[[ir.ArrayValue, ir.IntegerValue], ir.IntegerValue]
    #: (text): the code point of its first character.
    code: Callable[[ir.StringValue], ir.IntegerValue]
    #: (text, pattern): what the pattern matches, and what stands before, between and behind: one text more.
    found: Callable[[ir.StringValue, str], ir.ArrayValue]
    around: Callable[[ir.StringValue, str], ir.ArrayValue]
    #: (text, pattern): the text without anything that the pattern matches.
    without: Callable[[ir.StringValue, str], ir.StringValue]
    #: (text, length): its first characters.
    left: Callable[[ir.StringValue, int], ir.StringValue]


def _one(name: str, returns: dt.DataType, **arguments: dt.DataType) -> Callable[..., ir.Value]:
    return engine_function(name, arguments, returns)


_left = _one("left", dt.string, text=dt.string, length=dt.int64)


def _counted_from_one(at: Callable[..., ir.Value]) -> Callable[..., ir.Value]:
    return lambda values, place: at(values, (place + 1).cast("int32"))


DUCKDB: Final = EngineWords(
    # Not `join`: in DuckDB that is a macro that computes its texts twice, at every level anew.
    joined=lambda texts, separator: _duckdb_aggregate(texts, "string_agg", separator).fill_null(""),
    between=lambda texts, first, behind: _duckdb_slice(texts, first + 1, behind),
    text_at=_counted_from_one(_one("list_extract", dt.string, texts=_STRINGS, place=dt.int32)),
    number_at=_counted_from_one(_one("list_extract", dt.int64, numbers=_INTEGERS, place=dt.int32)),
    code=_one("unicode", dt.int64, text=dt.string),
    found=_one("regexp_extract_all", _STRINGS, **_TEXT_AND_PATTERN),
    around=_one("regexp_split_to_array", _STRINGS, **_TEXT_AND_PATTERN),
    without=lambda text, pattern: _duckdb_replace(text, pattern, "", "g"),
    left=_left,
)

DATABRICKS: Final = EngineWords(
    joined=_one("array_join", dt.string, texts=_STRINGS, separator=dt.string),
    between=lambda texts, first, behind: _spark_slice(texts, (first + 1).cast("int32"), (behind - first).cast("int32")),
    text_at=_counted_from_one(_one("element_at", dt.string, texts=_STRINGS, place=dt.int32)),
    number_at=_counted_from_one(_one("element_at", dt.int64, numbers=_INTEGERS, place=dt.int32)),
    code=_one("ascii", dt.int64, text=dt.string),
    found=lambda text, pattern: _spark_find_all(text, pattern, 0),
    around=_spark_split,
    without=lambda text, pattern: _one("regexp_replace", dt.string, **_REPLACE)(text, pattern, ""),
    left=_left,
)


def let(value: ir.Value, body: Callable[[ir.Value], ir.Value]) -> ir.Value:
    """`body(value)` with `value` written and computed once: inside CASE an engine would compute it at every use."""
    return ibis.array([value]).map(body)[0]
