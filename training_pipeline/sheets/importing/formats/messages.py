"""Messages of any chat format in the form of a training sheet.

A text is never changed: what is no text is a problem of its row, and what is not used is counted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from training_pipeline.domain.rules.examples.chat_format import MESSAGE_KEYS
from training_pipeline.domain.rules.examples.json_text import Ambiguous, first_counts, no_constant
from training_pipeline.sheets.importing.formats.base import Notes

#: Roles by other names. What is not here stays as it is, for the check to tell.
OPENAI_ROLES: Final = {"developer": "system", "function": "tool"}
_NOT_TRAINED: Final = ("train", "trainable", "training", "loss", "loss_weight")
_TEXT_PARTS: Final = frozenset({"text", "input_text", "output_text"})
_TEXT_PART_KEYS: Final = frozenset({"type", "text", "cache_control", "annotations"})


def messages_of(
    value: object, notes: Notes, path: str, *, roles: Mapping[str, str] = OPENAI_ROLES
) -> list[dict[str, Any]] | None:
    """The messages in `value`, a list of objects or the JSON text of one; null where it is something else."""
    if isinstance(value, str):
        value = parsed_json(value)
    if not isinstance(value, list):
        if value is not None:
            notes.problem(path, "missing_messages_list", "is not a list of messages")
        return None
    found = []
    for index, message in enumerate(value):
        place = f"{path}[{index}]"
        if not isinstance(message, dict):
            notes.problem(place, "data_type", "is not an object with role and content")
            return None
        found.append(_message(message, notes, place, path, roles))
    _link_calls(found)
    return found


def text_of_content(content: object, notes: Notes, path: str) -> str | None:
    """A content as text: itself, or its text parts one behind the other. Null, with a problem, for anything else."""
    if content is None or isinstance(content, str):
        return content
    if not isinstance(content, list):
        notes.problem(path, "missing_content", f"is {kind_of(content)}; expected text")
        return None
    texts = []
    for index, part in enumerate(content):
        kind = part.get("type", "text") if isinstance(part, dict) else None
        text = part.get("text") if isinstance(part, dict) else part
        if isinstance(kind, str) and kind not in _TEXT_PARTS:
            named = kind if kind.replace("_", "").isalnum() and len(kind) <= 30 else "something else"
            notes.problem(f"{path}[{index}]", "unsupported_content", f"is of the type {named}; only text is read")
            return None
        if not isinstance(text, str):
            notes.problem(f"{path}[{index}]", "unsupported_content", "is not a text part; only text is read")
            return None
        if isinstance(part, dict):
            foreign = {key for key, value in part.items() if key not in _TEXT_PART_KEYS and value is not None}
            notes.unused.update(f"{_general(path)}[].{key}" for key in foreign)
        texts.append(text)
    return "".join(texts)


def tools_of(value: object) -> object:
    """Tool definitions; the older `functions` are wrapped as tools, and all else is left as it is."""
    given = parsed_json(value) if isinstance(value, str) else value
    if isinstance(given, list) and given and all(isinstance(one, dict) and "name" in one for one in given):
        return [{"type": "function", "function": one} if "type" not in one else one for one in given]
    return value if value != [] and value != "" else None


def parsed_json(text: str) -> object:
    """What a JSON text holds; the text itself where it is none, or holds half of a surrogate pair."""
    try:
        value: object = json.loads(text, object_pairs_hook=first_counts, parse_constant=no_constant)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return text
    return value


def kind_of(value: object) -> str:
    """What a value is, in words."""
    kinds = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
        bytes: "bytes",
        str: "a text",
    }
    return kinds.get(type(value), f"of the type {type(value).__name__}")


def _message(
    message: Mapping[str, Any], notes: Notes, place: str, path: str, roles: Mapping[str, str]
) -> dict[str, Any]:
    role_key, content_key = ("role" if "role" in message else "from"), _content_key(message)
    role, content = message.get(role_key), message.get(content_key)
    made: dict[str, Any] = {"role": roles.get(role, role) if isinstance(role, str) else role}
    if len(message) == 2 and isinstance(content, str) and role is not None:  # nearly all messages are no more than that
        return made | {"content": content}
    made["content"] = text_of_content(content, notes, f"{place}.{content_key}")
    for key in ("name", "tool_call_id", "weight"):
        if message.get(key) is not None:
            made[key] = message[key]
    calls, call = message.get("tool_calls"), message.get("function_call")
    if calls is not None and calls != []:
        made["tool_calls"] = [_called(call) for call in calls] if isinstance(calls, list) else calls
    elif isinstance(call := parsed_json(call) if isinstance(call, str) else call, dict):
        made["tool_calls"] = [{"type": "function", "function": call}]
    elif call is not None:
        wanted = f"is {kind_of(call)}; expected an object with name and arguments"
        notes.problem(f"{place}.function_call", "invalid_tool_calls", wanted)
    used = {role_key, content_key, *MESSAGE_KEYS, "function_call"}
    used |= _weigh(message, made, notes, place)
    for key, value in message.items():
        if key not in used and value is not None and value != [] and value != "":
            notes.unused[f"{_general(path)}[].{key}"] += 1
    return made


def _called(call: object) -> object:
    """A call; one with the name and arguments themselves, as Hugging Face writes it too, with both in a `function`."""
    if not isinstance(call, dict) or isinstance(call, Ambiguous) or "function" in call or "name" not in call:
        return call
    function = {key: call[key] for key in ("name", "arguments") if key in call}
    return {
        **{key: value for key, value in call.items() if key not in function},
        "type": "function",
        "function": function,
    }


def _content_key(message: Mapping[str, Any]) -> str:
    return next((key for key in ("content", "value", "text") if key in message), "content")


def _weigh(message: Mapping[str, Any], made: dict[str, Any], notes: Notes, place: str) -> set[str]:
    """Words of other trainers for a turn that is not to be trained on, as the weight 0. Returns the keys used."""
    used = set()
    for key in _NOT_TRAINED:
        value = message.get(key)
        if value is None or (made["role"] != "assistant" and value in (1, True)):
            continue  # that a user's turn is to be trained on is not done here: it is counted as unused
        used.add(key)
        if value not in (0, 1):  # true and false are 1 and 0
            notes.problem(f"{place}.{key}", "invalid_weight", "must be 0 or 1, or true or false")
            made["weight"] = -1
        elif made["role"] == "assistant" and made.setdefault("weight", int(value)) != value:
            notes.problem(f"{place}.{key}", "invalid_weight", "contradicts another weight of the same message")
            made["weight"] = -1
    return used


def _link_calls(messages: list[dict[str, Any]]) -> None:
    """Give the calls and results of formats without ids the ids that belong together, in their order."""
    waiting: list[str] = []
    for index, message in enumerate(messages):
        if len(message) == 2 and message["role"] != "tool":
            continue
        calls = message.get("tool_calls")
        for position, call in enumerate(calls if isinstance(calls, list) else ()):
            if isinstance(call, dict) and "function" in call:
                given = call.get("id") or f"call_{index}_{position}"
                message["tool_calls"][position] = {**call, "id": given}
                waiting.append(str(given))
        if message.get("role") == "tool":
            given = message.get("tool_call_id")
            if given in waiting:
                waiting.remove(str(given))
            elif not given and waiting:
                message["tool_call_id"] = waiting.pop(0)


def _general(path: str) -> str:
    """A path without the numbers in it."""
    return "[]".join(part.partition("]")[2] if "]" in part else part for part in path.split("["))
