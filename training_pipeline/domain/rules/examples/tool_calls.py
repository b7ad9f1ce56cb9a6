"""What a message calls: a list of calls, or the JSON text of one; a call is an object with a named `function`.

No list and JSON's null call nothing. What is neither is a fault: a call that cannot be read must not vanish unseen.
"""

from __future__ import annotations

from typing import Any, Final

from training_pipeline.domain.rules.examples.json_text import NO_JSON, is_ambiguous, is_finite, parsed

#: Codes of faults, in words.
FAULTS: Final = {
    "invalid_tool_calls": (
        "is something else, or has a key twice in one object or a number that no double can hold; expected a list of "
        'tool calls, each {"type": "function", "function": {"name": …, "arguments": …}}, or the JSON text of one'
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
    if not isinstance(calls, list) or is_ambiguous(calls) or not is_finite(calls):
        return "invalid_tool_calls"
    functions: list[Any] = [call.get("function") if isinstance(call, dict) else None for call in calls]
    if not all(_is_named(function) for function in functions):
        return "invalid_tool_calls"
    texts = (parsed(given) for function in functions if isinstance(given := function.get("arguments"), str))
    return "invalid_tool_arguments" if any(one is NO_JSON or not is_finite(one) for one in texts) else None


def _is_named(function: object) -> bool:
    """What has no name cannot be called, and chat templates pass it over without a word."""
    name = function.get("name") if isinstance(function, dict) else None
    return isinstance(name, str) and name.strip(" ") != ""
