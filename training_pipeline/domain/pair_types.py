"""The columns of a training sheet's pairs and their types, in words: what needs no engine to be told."""

from __future__ import annotations

from typing import Final

#: The columns of a sheet's pairs, as every source presents them.
#: `messages` keeps each message's fields in this order; a field that a message does not have is null. `content` is null
#: where it was not a string; `tool_calls` is null or the compact JSON text of a list with something in it, which is
#: written into the dataset as it is, and empty where a call's arguments are no JSON. `messages` itself is null where it
#: was no list of objects.
#: `tools` is null or the compact JSON text of a list of objects with something in it, the definitions of the tools that
#: the assistant may call; it is empty where something else stood there.
#: A list of uses is null where it was missing or no list of strings.
PAIR_TYPES: Final = {
    "pair_id": "string",
    "messages": (
        "array<struct<role: string, content: string, name: string, weight: float64,"
        " tool_calls: string, tool_call_id: string>>"
    ),
    "tools": "string",
    "item_ref": "string",
    "status": "string",
    "allowed_uses": "array<string>",
    "prohibited_uses": "array<string>",
    "usage_reason": "string",
    "data_classification": "string",
    "canonical_label_id": "string",
    "label_allowed_uses": "array<string>",
    "label_prohibited_uses": "array<string>",
    "label_data_classification": "string",
    "label_usage_reason": "string",
    "reviewed_by": "string",
    "reviewed_at": "string",
    "constraints_set_by": "string",
    "constraints_set_at": "string",
}
