"""Is a pair a chat example that can be trained on? Half of the rule of `invalid`, for millions of rows at once.

`chat_format.py` says the same, message by message, for people. Here every message becomes one letter, and the rule is a
regular expression over the letters of an example.
"""

from __future__ import annotations

from typing import Final

import ibis
import ibis.expr.types as ir

from training_pipeline.domain.rules.text.characters import is_blank
from training_pipeline.domain.rules.text.dialects import let
from training_pipeline.domain.training_sheet import ROLES

#: The beginning of a JSON list with something in it.
_TOOL_CALLS: Final = r"^[ \x{9}\x{A}\x{D}]*\[[ \x{9}\x{A}\x{D}]*[^ \x{9}\x{A}\x{D}\]]"

_MALFORMED, _SYSTEM, _LEARNED, _MASKED, _OTHER = "xsamo"
#: At most one system message and that first, an assistant message last, nothing malformed.
_CHAT: Final = f"^{_SYSTEM}?[{_LEARNED}{_MASKED}{_OTHER}]*[{_LEARNED}{_MASKED}]$"


def has_messages(messages: ir.ArrayValue) -> ir.BooleanValue:
    """Whether there is at least one message. Never null."""
    return (messages.length() > 0).fill_null(False)


def _is_well_formed(message: ir.StructValue) -> ir.BooleanValue:
    """A known role; visible content or an assistant's tool calls, and these sound; a weight only on an assistant, and
    only 0 or 1.
    """
    from_assistant = message["role"] == "assistant"
    calls_tools = from_assistant & message["tool_calls"].re_search(_TOOL_CALLS)
    # Compared as text, because Databricks counts NaN as null and DuckDB does not.
    unweighted = message["weight"].cast("string").isnull()
    return (
        message["role"].isin(ROLES)
        & (~is_blank(message["content"]) | calls_tools.fill_null(False))
        & (message["tool_calls"] != "").fill_null(True)  # what it calls cannot be read
        & (unweighted | (from_assistant & message["weight"].isin([0.0, 1.0])))
    ).fill_null(False)


def _letter(message: ir.StructValue) -> ir.StringValue:
    return ibis.cases(
        (~_is_well_formed(message), _MALFORMED),
        (message["role"] == "system", _SYSTEM),
        ((message["role"] == "assistant") & (message["weight"] == 0.0), _MASKED),
        (message["role"] == "assistant", _LEARNED),
        else_=_OTHER,
    )


def chat_letters(messages: ir.ArrayValue) -> ir.StringValue:
    """A letter for each message; null where `messages` is null."""
    # DuckDB works out twice what it joins.
    return let(messages.map(_letter), lambda letters: letters.join(""))


def is_chat(letters: ir.StringValue) -> ir.BooleanValue:
    """Whether the messages are a chat that ends with an assistant and has an assistant message to learn. Never null."""
    return (letters.re_search(_CHAT) & letters.contains(_LEARNED)).fill_null(False)
