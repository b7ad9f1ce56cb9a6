"""A pair as JSON has it, in the types of `PAIR_SCHEMA`. What is malformed becomes null, and null denies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from training_pipeline.domain.rules.examples.json_text import as_double, is_ambiguous, is_finite
from training_pipeline.domain.rules.examples.tool_calls import calls_of, fault_of
from training_pipeline.sheets.columns import LIST_COLUMNS
from training_pipeline.sheets.importing.formats.messages import parsed_json

#: Stands for what cannot be read: no use, so that a label with it denies, and no JSON, so that a pair with it among its
#: tools or calls is invalid.
UNREAD = "?"
_TEXTS = ("role", "content", "name", "tool_call_id")


def stored(pair: Mapping[str, Any]) -> dict[str, Any]:
    """The pair with the types of `PAIR_SCHEMA`; a field that a message does not have is left out."""
    made = dict(pair)
    messages = pair["messages"]
    made["messages"] = None if messages is None else [_stored_message(message) for message in messages]
    made["tools"] = _stored_tools(pair["tools"])
    broken = False
    for name in LIST_COLUMNS:
        value = pair[name]
        is_words = isinstance(value, list) and all(isinstance(word, str) for word in value)
        unread = name.startswith("label_") and value is not None and not is_words
        made[name] = value if is_words else [UNREAD] if unread else None
        broken |= unread
    if broken:  # a label's constraint that cannot be read must not pass for a label without constraints
        made["allowed_uses"] = None
    return made


def _stored_message(message: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {key: value for key in _TEXTS if isinstance(value := message.get(key), str)}
    if (weight := message.get("weight")) is not None:
        made["weight"] = -1.0 if (number := as_double(weight)) is None else number
    if (calls := message.get("tool_calls")) is not None:
        made["tool_calls"] = UNREAD if fault_of(calls) else _compact(called) if (called := calls_of(calls)) else None
    return made


def _stored_tools(tools: object) -> str | None:
    if isinstance(tools, str):
        tools = parsed_json(tools)
    if tools is None:
        return None
    if (
        not isinstance(tools, list)
        or not all(isinstance(tool, dict) for tool in tools)
        or is_ambiguous(tools)
        or not is_finite(tools)
    ):
        return UNREAD
    return _compact(tools) if tools else None


def _compact(value: object) -> str:
    """JSON text; no JSON for a value that JSON does not have, such as a NaN of Parquet."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str, allow_nan=False)
    except ValueError:
        return UNREAD
