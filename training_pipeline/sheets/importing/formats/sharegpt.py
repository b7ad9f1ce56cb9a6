"""ShareGPT: `conversations` of human and gpt, as many open data sets have them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from training_pipeline.sheets.importing.formats.base import Flat, Notes, most_have, rest_of
from training_pipeline.sheets.importing.formats.messages import messages_of, parsed_json, tools_of

_ROLES: Final = {
    **dict.fromkeys(("human", "user"), "user"),
    **dict.fromkeys(("gpt", "chatgpt", "assistant", "model", "bot", "function_call"), "assistant"),
    **dict.fromkeys(("observation", "tool", "function", "function_response"), "tool"),
}


class ShareGPT:
    """A row is a conversation of turns with `from` and `value`."""

    name = "sharegpt"
    title = "ShareGPT conversations"
    status_words: Mapping[str, str] = {}

    def recognise(self, rows: Sequence[Mapping[str, Any]]) -> str | None:
        """By the column `conversations`."""
        return "rows have `conversations`" if most_have(rows, "conversations") else None

    def flatten(self, row: Mapping[str, Any], notes: Notes, choose: str) -> Flat | None:
        """The turns; `system` of the row comes first, and a turn `function_call` calls a tool."""
        turns = row.get("conversations")
        calls = _called(turns, notes) if isinstance(turns, list) else turns
        messages = messages_of(calls, notes, "conversations", roles=_ROLES)
        system = row.get("system")
        if messages is not None and isinstance(system, str) and system:
            messages = [{"role": "system", "content": system}, *messages]
        elif system is not None and not isinstance(system, str):
            notes.problem("system", "wrong_type", "is not text")
        given: dict[str, Any] = {"messages": messages}
        if row.get("tools") is not None:
            given["tools"] = tools_of(row["tools"])
        return Flat(given, rest_of(row, "conversations", "system", "tools"))


def _called(turns: Sequence[object], notes: Notes) -> list[object]:
    """The turns, of which a `function_call` has its value as a call."""
    made: list[object] = []
    for index, turn in enumerate(turns):
        if isinstance(turn, dict) and turn.get("from") == "function_call" and "value" in turn:
            try:
                call: Any = parsed_json(turn["value"])
                listed = call if isinstance(call, list) else [call]
                functions = [{"name": one["name"], "arguments": one["arguments"]} for one in listed]
                for function in functions:
                    if not isinstance(function["arguments"], str):
                        function["arguments"] = json.dumps(function["arguments"], ensure_ascii=False)
            except (ValueError, TypeError, KeyError, RecursionError):
                expected = "is no JSON of a call with name and arguments"
                notes.problem(f"conversations[{index}].value", "invalid_tool_arguments", expected)
                made.append({"from": "gpt", "value": None})
                continue
            tool_calls = [{"type": "function", "function": function} for function in functions]
            made.append({**turn, "value": None, "tool_calls": tool_calls})
        else:
            made.append(turn)
    return made
