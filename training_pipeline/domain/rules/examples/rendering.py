"""How an example is written, byte for byte. In the words of our DuckDB:
`rendering_databricks.py` says the same in those of a warehouse.

Canonical rendering: compact JSON `{"messages":[{"role":…,"content":…}]}`, the fields in the order of `PAIR_SCHEMA`,
null fields left out, `weight` as an integer (-1 where no gate takes it for a weight), `tool_calls` as the JSON value it
is, non-ASCII characters as themselves, control characters as JSON's short escapes or as `\\u001F`.
The row hash is the SHA-256 of that line in UTF-8, without a newline: 64 hexadecimal digits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from training_pipeline.domain.rules.examples.validity import has_messages
from training_pipeline.domain.rules.text.characters import engine_function

_PLAIN: Final = dt.Array(dt.Struct({"role": dt.string, "content": dt.string}))
_STRINGS: Final = dt.Array(dt.string)


_plain_json = engine_function("to_json", {"messages": _PLAIN}, dt.string)
_quoted = engine_function("to_json", {"text": dt.string}, dt.string)
_aggregate = engine_function(
    "list_aggregate", {"texts": _STRINGS, "function": dt.string, "separator": dt.string}, dt.string
)


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
