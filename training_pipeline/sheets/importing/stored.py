"""A pair as JSON has it, in the types of `PAIR_SCHEMA`. What is malformed becomes null, and null denies. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from training_pipeline.domain.rules.examples.chat_format import no_constant
from training_pipeline.sheets.columns import LIST_COLUMNS
from training_pipeline.sheets.importing.formats.messages import parsed_json

#: Stands for a label's list of uses that cannot be read: no use, so that whatever the pair allows later is denied.
UNREAD = ("?",)
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
        made[name] = value if is_words else list(UNREAD) if unread else None
        broken |= unread
    if broken:  # a label's constraint that cannot be read must not pass for a label without constraints
        made["allowed_uses"] = None
    return made


def _stored_message(message: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {key: value for key in _TEXTS if isinstance(value := message.get(key), str)}
    if (weight := message.get("weight")) is not None:
        is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
        made["weight"] = float(weight) if is_number else -1.0
    if calls := message.get("tool_calls"):
        made["tool_calls"] = _stored_calls(calls)
    return made


def _stored_calls(calls: object) -> str | None:
    if isinstance(calls, str):
        calls = parsed_json(calls)
    if not isinstance(calls, list) or not calls:
        return None
    functions = [call.get("function") for call in calls if isinstance(call, dict)]
    arguments = [function.get("arguments") for function in functions if isinstance(function, dict)]
    if any(isinstance(one, str) and not _is_json(one) for one in arguments):
        return ""
    return _compact(calls)


def _stored_tools(tools: object) -> str | None:
    if isinstance(tools, str):
        tools = parsed_json(tools)
    if tools is None:
        return None
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        return ""
    return _compact(tools) if tools else None


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=no_constant)
    except (ValueError, RecursionError):
        return False
    return True


def _compact(value: object) -> str:
    """JSON text; empty for a value that JSON does not have, such as a NaN of Parquet."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str, allow_nan=False)
    except ValueError:
        return ""
