"""What DuckDB and Databricks SQL call by different names, so that a rule is written once for both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.rules.text.characters import engine_function

_STRINGS: Final = dt.Array(dt.string)
_INTEGERS: Final = dt.Array(dt.int32)
_MESSAGES: Final = PAIR_SCHEMA["messages"]
_TEXT_AND_PATTERN: Final = {"text": dt.string, "pattern": dt.string}
_REPLACE: Final = {**_TEXT_AND_PATTERN, "by": dt.string}

_duckdb_aggregate = engine_function(
    "list_aggregate", {"texts": _STRINGS, "function": dt.string, "separator": dt.string}, dt.string
)
_duckdb_replace = engine_function("regexp_replace", {**_REPLACE, "options": dt.string}, dt.string)
#: What a tool call is told by, beside the parts of its arguments.
CALL: Final = "call:"
_spark_sha2 = engine_function("sha2", {"bytes": dt.binary, "bits": dt.int64}, dt.string)
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
    #: (messages, place): one of the messages; null at a place behind them.
    message_at: Callable[[ir.ArrayValue, ir.IntegerValue], ir.StructValue]
    #: (text): the code point of its first character.
    code: Callable[[ir.StringValue], ir.IntegerValue]
    #: (text, pattern): what the pattern matches, and what stands before, between and behind: one text more.
    found: Callable[[ir.StringValue, str], ir.ArrayValue]
    around: Callable[[ir.StringValue, str], ir.ArrayValue]
    #: (text, pattern): the text without anything that the pattern matches.
    without: Callable[[ir.StringValue, str], ir.StringValue]
    #: (text, length): its first characters.
    left: Callable[[ir.StringValue, int], ir.StringValue]
    #: (text, place, length): so many characters from this place on, which is counted from 0.
    cut: Callable[[ir.StringValue, ir.IntegerValue, ir.IntegerValue], ir.StringValue]
    #: (text): its SHA-256 in hexadecimal digits.
    sha256: Callable[[ir.StringValue], ir.StringValue]
    #: (calls, made): what is made of each tool call in JSON text: of `CALL`, the name of its function, and its
    #: arguments as JSON; where they are JSON text, of the value in it. Of what is no list of calls, of the text.
    functions: Callable[[ir.StringValue, Callable[[ir.StringValue], ir.Value]], ir.ArrayValue]


def _one(name: str, returns: dt.DataType, **arguments: dt.DataType) -> Callable[..., ir.Value]:
    return engine_function(name, arguments, returns)


_left = _one("left", dt.string, text=dt.string, length=dt.int64)


def _counted_from_one(at: Callable[..., ir.Value]) -> Callable[..., ir.Value]:
    return lambda values, place: at(values, (place + 1).cast("int32"))


_cut = _one("substring", dt.string, text=dt.string, first=dt.int64, length=dt.int64)
_slice = _one("list_slice", _STRINGS, texts=_STRINGS, first=dt.int64, last=dt.int64)
_spark_slice = _one("slice", _STRINGS, texts=_STRINGS, first=dt.int32, length=dt.int32)
_is_json = _one("json_valid", dt.boolean, text=dt.string)
_json = _one("json", dt.string, text=dt.string)
_json_type = _one("json_type", dt.string, text=dt.string)
_json_text = _one("json_extract_string", dt.string, text=dt.string, path=dt.string)
_json_items = _one("json_extract", _STRINGS, text=dt.string, path=dt.string)
#: A VARIANT is no type of Ibis: it goes from one of these functions to the next.
_variant = _one("try_parse_json", dt.string, text=dt.string)
_variant_json = _one("to_json", dt.string, variant=dt.string)
_variant_text = _one("try_variant_get", dt.string, variant=dt.string, path=dt.string, type=dt.string)
_variant_items = _one("try_variant_get", _STRINGS, variant=dt.string, path=dt.string, type=dt.string)


def let(value: ir.Value, body: Callable[[ir.Value], ir.Value]) -> ir.Value:
    """`body(value)` with `value` written and computed once: inside CASE an engine would compute it at every use."""
    return ibis.array([value]).map(body)[0]


def where(condition: ir.BooleanValue, value: ir.Value) -> ir.Value:
    """`value` under this condition, else null. The null has its type, or Spark would take one more look."""
    return ibis.cases((condition, value), else_=ibis.null(value.type()))


def _duckdb_functions(calls: ir.StringValue, made: Callable[[ir.StringValue], ir.Value]) -> ir.ArrayValue:
    items = ibis.cases((_is_json(calls), ibis.cases((_json_type(calls) == "ARRAY", _json_items(calls, "$[*]")))))

    def arguments(given: ir.StringValue) -> ir.StringValue:
        # As a part of it: a JSON is one of DuckDB's own types, and makes one of the text beside it.
        return ibis.cases((_is_json(given), _json(given).substr(0)), else_=given)

    def function(call: ir.StringValue) -> ir.Value:
        name = _json_text(call, "$.function.name").fill_null("")
        given = _json_text(call, "$.function.arguments").fill_null("")
        return made(ibis.literal(CALL) + name + "," + let(given, arguments))

    return ibis.coalesce(items.map(function), ibis.array([made(calls)]))


def _spark_functions(calls: ir.StringValue, made: Callable[[ir.StringValue], ir.Value]) -> ir.ArrayValue:
    def function(call: ir.StringValue) -> ir.Value:
        name = _variant_text(call, "$.function.name", "STRING").fill_null("")
        given = _variant_text(call, "$.function.arguments", "STRING").fill_null("")
        return made(ibis.literal(CALL) + name + "," + ibis.coalesce(_variant_json(_variant(given)), given))

    items = _variant_items(_variant(calls), "$", "ARRAY<VARIANT>")
    return ibis.coalesce(items.map(function), ibis.array([made(calls)]))


DUCKDB: Final = EngineWords(
    # Not `join`: in DuckDB that is a macro that computes its texts twice, at every level anew.
    joined=lambda texts, separator: _duckdb_aggregate(texts, "string_agg", separator).fill_null(""),
    between=lambda texts, first, behind: _slice(texts, first + 1, behind),
    text_at=_counted_from_one(_one("list_extract", dt.string, texts=_STRINGS, place=dt.int32)),
    number_at=_counted_from_one(_one("list_extract", dt.int32, numbers=_INTEGERS, place=dt.int32)),
    message_at=_counted_from_one(_one("list_extract", _MESSAGES.value_type, messages=_MESSAGES, place=dt.int32)),
    code=_one("unicode", dt.int64, text=dt.string),
    found=_one("regexp_extract_all", _STRINGS, **_TEXT_AND_PATTERN),
    around=_one("regexp_split_to_array", _STRINGS, **_TEXT_AND_PATTERN),
    without=lambda text, pattern: _duckdb_replace(text, pattern, "", "g"),
    left=_left,
    cut=lambda text, place, length: _cut(text, place + 1, length),
    sha256=_one("sha256", dt.string, text=dt.string),
    functions=_duckdb_functions,
)

DATABRICKS: Final = EngineWords(
    joined=_one("array_join", dt.string, texts=_STRINGS, separator=dt.string),
    between=lambda texts, first, behind: _spark_slice(texts, (first + 1).cast("int32"), (behind - first).cast("int32")),
    text_at=_counted_from_one(_one("element_at", dt.string, texts=_STRINGS, place=dt.int32)),
    number_at=_counted_from_one(_one("element_at", dt.int32, numbers=_INTEGERS, place=dt.int32)),
    message_at=_counted_from_one(_one("try_element_at", _MESSAGES.value_type, messages=_MESSAGES, place=dt.int32)),
    code=_one("ascii", dt.int64, text=dt.string),
    found=lambda text, pattern: _spark_find_all(text, pattern, 0),
    around=_spark_split,
    without=lambda text, pattern: _one("regexp_replace", dt.string, **_REPLACE)(text, pattern, ""),
    left=_left,
    cut=lambda text, place, length: _cut(text, place + 1, length),
    sha256=lambda text: _spark_sha2(text.cast("binary"), 256),
    functions=_spark_functions,
)
