"""What `rendering.py` says, in the words of Databricks SQL: the same bytes, so that the same hashes come out.

A text is escaped by `replace` and not by `to_json`, so that nothing depends on how a warehouse writes JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Final

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.rules.examples.rendering import message_json
from training_pipeline.domain.rules.examples.validity import has_messages
from training_pipeline.domain.rules.text.characters import engine_function

_STRINGS: Final = dt.Array(dt.string)
_MESSAGES: Final = PAIR_SCHEMA["messages"]
#: What JSON escapes in nearly every long text, and the control characters that are rare.
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_RARE: Final = {chr(code): f"\\u{code:04X}" for code in range(0x20) if chr(code) not in _SHORT}
_ANY_RARE: Final = r"[\x{0}-\x{7}\x{B}\x{E}-\x{1F}]"

_chr = engine_function("chr", {"code": dt.int64}, dt.string)
_left = engine_function("left", {"text": dt.string, "length": dt.int64}, dt.string)
_joined = engine_function("array_join", {"texts": _STRINGS, "separator": dt.string}, dt.string)
_without = engine_function("regexp_replace", {"text": dt.string, "pattern": dt.string, "by": dt.string}, dt.string)
_reversed = engine_function("reverse", {"texts": _STRINGS}, _STRINGS)
_position = engine_function("array_position", {"texts": _STRINGS, "text": dt.string}, dt.int64)
_slice = engine_function("slice", {"messages": _MESSAGES, "first": dt.int64, "length": dt.int64}, _MESSAGES)


def _character(character: str) -> ir.StringValue:
    """A control character by its code: how a literal spells it differs from engine to engine."""
    return _chr(ord(character))


def _replaced(text: ir.StringValue, replacements: Mapping[str, str]) -> ir.StringValue:
    return reduce(lambda done, item: done.replace(_character(item[0]), item[1]), replacements.items(), text)


def _quoted(text: ir.StringValue) -> ir.StringValue:
    escaped = _replaced(text.replace("\\", "\\\\").replace('"', '\\"'), _SHORT)
    # As a list of one, so that the text is written into the statement once and not at every use.
    whole = ibis.array([escaped]).map(
        lambda done: ibis.cases((done.re_search(_ANY_RARE), _replaced(done, _RARE)), else_=done)
    )
    return ibis.literal('"') + whole[0] + '"'


def rendered(messages: ir.ArrayValue) -> ir.StringValue:
    """The example as one line without newline; null where there are no messages."""
    written = _joined(messages.map(lambda message: message_json(message, _quoted)), ",")
    return ibis.cases((has_messages(messages), ibis.literal('{"messages":[') + written + "]}"))
