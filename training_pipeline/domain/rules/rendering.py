"""How an example is written, byte for byte, and what counts as the same question. In the words of our DuckDB:
`rendering_databricks.py` says the same in those of a warehouse.

Canonical rendering: compact JSON `{"messages":[{"role":…,"content":…}]}`, the fields in the order of `PAIR_SCHEMA`,
null fields left out, `weight` as an integer (-1 where no gate takes it for a weight), `tool_calls` as the JSON value it
is, non-ASCII characters as themselves, control characters as JSON's short escapes or as `\\u001F`.
The row hash is the SHA-256 of that line in UTF-8, without a newline: 64 hexadecimal digits.

Normalised prompt: role and content of every message before the last assistant message (of all messages where there is
none), joined by U+001F (a U+001F in a content is doubled, so that nothing can pose as a separator), in lower case
(`text.lowered`), all white space removed. The prompt hash is its SHA-256, shortened to 32 hexadecimal digits: 128
bits, enough that no two prompts of a sheet collide.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import Final

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.rules.text import WHITE_SPACE, engine_function, lowered
from training_pipeline.domain.rules.validity import has_messages

_PLAIN: Final = dt.Array(dt.Struct({"role": dt.string, "content": dt.string}))
_STRINGS: Final = dt.Array(dt.string)
_MESSAGES: Final = PAIR_SCHEMA["messages"]
_SEPARATOR: Final = "\x1f"
#: White space that nearly every prompt has.
_COMMON: Final = " \n"


_plain_json = engine_function("to_json", {"messages": _PLAIN}, dt.string)
_quoted = engine_function("to_json", {"text": dt.string}, dt.string)
_left = engine_function("left", {"text": dt.string, "length": dt.int64}, dt.string)
_aggregate = engine_function(
    "list_aggregate", {"texts": _STRINGS, "function": dt.string, "separator": dt.string}, dt.string
)
_reversed = engine_function("list_reverse", {"texts": _STRINGS}, _STRINGS)
_position = engine_function("list_position", {"texts": _STRINGS, "text": dt.string}, dt.int64)
_slice = engine_function("list_slice", {"messages": _MESSAGES, "first": dt.int64, "last": dt.int64}, _MESSAGES)


def _joined(texts: ir.ArrayValue, separator: str) -> ir.StringValue:
    """Like `texts.join(separator)`, which in DuckDB is a macro that computes `texts` twice, at every level anew."""
    return _aggregate(texts, "string_agg", separator).fill_null("")


def _field(name: str, value: ir.StringValue) -> ir.StringValue:
    return ibis.cases((value.notnull(), ibis.literal(f',"{name}":') + value), else_="")


def message_json(message: ir.StructValue, quoted: Callable[[ir.StringValue], ir.StringValue]) -> ir.StringValue:
    """One message with all its fields; `quoted` writes a text as JSON."""
    weight = message["weight"].cast("string")  # as text, because Databricks counts NaN as null
    number = ibis.cases((message["weight"] == 0, "0"), (message["weight"] == 1, "1"), else_="-1")
    return (
        ibis.literal('{"role":')
        + ibis.cases((message["role"].notnull(), quoted(message["role"])), else_="null")
        + _field("content", quoted(message["content"]))
        + _field("name", quoted(message["name"]))
        + _field("weight", ibis.cases((weight.notnull(), number)))
        + _field("tool_calls", message["tool_calls"])
        + _field("tool_call_id", quoted(message["tool_call_id"]))
        + "}"
    )


def rendered(messages: ir.ArrayValue) -> ir.StringValue:
    """The example as one line without newline; null where there are no messages."""
    special = messages.filter(
        lambda message: (
            message["content"].isnull()
            | message["name"].notnull()
            | message["weight"].notnull()
            | message["tool_calls"].notnull()
            | message["tool_call_id"].notnull()
        )
    )
    # Nearly all examples have only role and content: one call of the engine writes them.
    plain = _plain_json(
        messages.map(lambda message: ibis.struct({"role": message["role"], "content": message["content"]}))
    )
    full = ibis.literal("[") + _joined(messages.map(lambda message: message_json(message, _quoted)), ",") + "]"
    array = ibis.cases((special.length() == 0, plain), else_=full)
    return ibis.cases((has_messages(messages), ibis.literal('{"messages":') + array + "}"))


def row_hash(line: ir.StringValue) -> ir.StringValue:
    """SHA-256 of a rendered example: 64 hexadecimal digits; null stays null."""
    return line.hexdigest("sha256")


def _let(value: ir.Value, body: Callable[[ir.Value], ir.Value]) -> ir.Value:
    """`body(value)` with `value` computed once: inside CASE the engine would compute it again at every use."""
    return ibis.array([value]).map(body)[0]


def _squeezed(text: ir.StringValue) -> ir.StringValue:
    """`text` without white space. Splitting takes a third of the time of translate(), which rare characters need."""
    rare = [text.contains(character) for character in WHITE_SPACE if character not in _COMMON]
    common = text
    for character in _COMMON:
        common = _joined(common.split(character), "")
    return ibis.cases((reduce(or_, rare), text.translate(WHITE_SPACE, "")), else_=common)


def normalised_prompt(messages: ir.ArrayValue) -> ir.StringValue:
    """The question, so that case and white space make no difference; null where there are no messages."""
    roles = messages.map(lambda message: message["role"])
    answer = _position(_reversed(roles), "assistant").fill_null(0)  # counted from the end, 0 where there is none
    asked = _slice(messages, 1, messages.length() - answer)
    parts = asked.map(
        lambda message: (
            message["role"].fill_null("")
            + _SEPARATOR
            + _joined(message["content"].fill_null("").split(_SEPARATOR), _SEPARATOR * 2)
        )
    )
    return ibis.cases((has_messages(messages), _let(lowered(_joined(parts, _SEPARATOR)), _squeezed)))


def prompt_hash(messages: ir.ArrayValue) -> ir.StringValue:
    """First 32 hexadecimal digits of the SHA-256 of the normalised prompt; null where there are no messages."""
    return _left(normalised_prompt(messages).hexdigest("sha256"), 32)
