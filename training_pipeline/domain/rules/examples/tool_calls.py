"""What a message calls: a list of calls, or the JSON text of one. Pure.

No list and JSON's null call nothing. What is neither is a fault: a call that cannot be read must not vanish unseen.
"""

from __future__ import annotations

import json
from typing import Final

from training_pipeline.domain.rules.examples.json_text import NO_JSON, is_ambiguous, parsed

#: Codes of faults, in words.
FAULTS: Final = {
    "invalid_tool_calls": (
        "is something else, or has a key twice in one object; expected a list of tool calls, or the JSON text of one"
    ),
    "invalid_tool_arguments": (
        "a call's arguments are text that is no JSON; expected an object, or the JSON text of one"
    ),
}


def calls_of(stated: object) -> object:
    """What is stated, parsed where it is text; null where nothing is called."""
    calls = parsed(stated) if isinstance(stated, str) else stated
    return None if calls == [] else calls


def fault_of(stated: object) -> str | None:
    """The code of what is wrong with what a message calls; null where nothing is."""
    calls = calls_of(stated)
    if calls is None:
        return None
    if not isinstance(calls, list) or is_ambiguous(calls) or not _has_json(calls):
        return "invalid_tool_calls"
    functions = [call.get("function") for call in calls if isinstance(call, dict)]
    arguments = [function.get("arguments") for function in functions if isinstance(function, dict)]
    is_broken = any(isinstance(given, str) and parsed(given) is NO_JSON for given in arguments)
    return "invalid_tool_arguments" if is_broken else None


def _has_json(calls: list[object]) -> bool:
    """Whether JSON has these values; it has no NaN."""
    try:
        json.dumps(calls, default=str, allow_nan=False)
    except (ValueError, RecursionError):
        return False
    return True
