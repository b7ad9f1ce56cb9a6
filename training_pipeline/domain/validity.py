"""Is a pair a chat example that can be trained on? The rule of `invalid`, as one Ibis boolean.

`chat_format.py` says the same, message by message, for people; this says it for millions of rows at once.
"""

from __future__ import annotations

from typing import Final

import ibis
import ibis.expr.types as ir

from training_pipeline.domain.training_sheet import ROLES
from training_pipeline.domain.white_space import is_blank

#: The beginning of a JSON list with something in it.
_TOOL_CALLS: Final = r"^[ \x{9}\x{A}\x{D}]*\[[ \x{9}\x{A}\x{D}]*[^ \x{9}\x{A}\x{D}\]]"


def has_messages(messages: ir.ArrayValue) -> ir.BooleanValue:
    """Whether there is at least one message. Never null."""
    return (messages.length() > 0).fill_null(False)


def _is_well_formed(message: ir.StructValue) -> ir.BooleanValue:
    """A known role; visible content or an assistant's tool calls; a weight only on an assistant, and only 0 or 1."""
    from_assistant = message["role"] == "assistant"
    calls_tools = from_assistant & message["tool_calls"].re_search(_TOOL_CALLS)
    # Compared as text, because Databricks counts NaN as null and DuckDB does not.
    unweighted = message["weight"].cast("string").isnull()
    return (
        message["role"].isin(ROLES)
        & (~is_blank(message["content"]) | calls_tools.fill_null(False))
        & (unweighted | (from_assistant & message["weight"].isin([0.0, 1.0])))
    ).fill_null(False)


def is_chat(messages: ir.ArrayValue) -> ir.BooleanValue:
    """Whether `messages` is a chat that ends with an assistant and has an assistant message to learn. Never null."""
    count = messages.length()
    systems = messages.filter(lambda message: message["role"] == "system").length()
    learned = messages.filter(
        lambda message: (
            (message["role"] == "assistant") & (message["weight"].cast("string").isnull() | (message["weight"] == 1.0))
        )
    ).length()
    malformed = messages.filter(lambda message: ~_is_well_formed(message)).length()
    sound = (
        # `messages[-1]` is compiled to an index of 0 for Databricks by Ibis 12: count from the start.
        (messages[count - 1]["role"] == "assistant")
        & ((systems == 0) | ((systems == 1) & (messages[0]["role"] == "system")))
        & (malformed == 0)
        & (learned > 0)
    )
    # Indexing an empty array is an error on some engines: CASE keeps them from trying.
    return ibis.cases((has_messages(messages), sound.fill_null(False)), else_=False)
