"""Whether a chat template writes all that an example says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

Message = dict[str, Any]
#: What a message may say beside its role. The ids of tool calls only tie call and result together.
_SAID: Final = ("content", "name", "reasoning_content")
#: What a call has beside what it calls.
_OF_CALLS: Final = {"id", "type", "index"}
#: Templates may set reasoning apart from the answer, with other white space around it.
_REASONING: Final = re.compile(r"</?think>")
#: Shapes of chats that are remembered.
_SHAPES: Final = 4096


class Kept:
    """Finds what of an example a template leaves out; `write` renders messages and tool definitions as text.

    A template either writes the name of a user, a call, a result, or does not: that is found out once for each shape of
    a chat, with markers in place of the words. Templates that look into contents are caught by the example's own text.
    """

    def __init__(self, write: Callable[[Sequence[Message], Sequence[Message] | None], str]) -> None:
        self._write = write
        self._shapes: dict[str, str | None] = {}

    def lost(self, messages: Sequence[Message], text: str, tools: Sequence[Message] | None = None) -> str | None:
        """What of the example does not stand in `text`, in words and without quoting it; None where all does."""
        for message in messages:
            for part in _REASONING.split(message["content"]):
                bare = part.strip()
                if bare and bare not in text and _escaped(bare) not in text:
                    return f"a part of the content of a message (role {message['role']})"
        marked, marks = _marked(messages)
        defined, more = _marked_tools(tools)
        marks += more
        shape = json.dumps([marked, defined])
        if shape not in self._shapes:
            if len(self._shapes) == _SHAPES:
                self._shapes.clear()
            rendered = self._write(marked, defined).lower()
            self._shapes[shape] = next((what for mark, what in marks if mark not in rendered), None)
        return self._shapes[shape]


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _called(message: Message) -> set[Any]:
    """The functions that `message` calls. A result that names one of them says nothing new."""
    functions = [given.get("function") for given in message.get("tool_calls", ()) if isinstance(given, dict)]
    names = [function.get("name") for function in functions if isinstance(function, dict)]
    return {name for name in names if isinstance(name, str)}


def _marked_tools(tools: Sequence[Message] | None) -> tuple[list[Message] | None, list[tuple[str, str]]]:
    """`tools` with markers for the names and descriptions of their functions, and the markers with their meaning."""
    marks: list[tuple[str, str]] = []

    def definition(tool: Message) -> Message:
        inner = tool.get("function")
        function = inner if isinstance(inner, dict) else tool
        words = {}
        for key in ("name", "description"):
            if isinstance(function.get(key), str) and function[key].strip():
                words[key] = f"definition{len(marks)}x"
                marks.append((words[key], f"the {key} of a tool definition"))
        parameters = function.get("parameters")
        properties = parameters.get("properties") if isinstance(parameters, dict) else None
        marks.extend((str(name).lower(), "a parameter of a tool definition") for name in properties or ())
        return {**tool, "function": {**function, **words}} if function is inner else {**tool, **words}

    return [definition(tool) for tool in tools] if tools else None, marks


def _marked(messages: Sequence[Message]) -> tuple[list[Message], list[tuple[str, str]]]:
    """`messages` with a marker for each word they say, and the markers with what they stand for."""
    marks: list[tuple[str, str]] = []

    def mark(what: str) -> str:
        marks.append((f"marker{len(marks)}x", what))
        return marks[-1][0]

    def arguments(value: Any, what: str) -> Any:
        if isinstance(value, dict):
            marks.extend((str(key).lower(), what) for key in value)
            return {key: arguments(item, what) for key, item in value.items()}
        return [arguments(item, what) for item in value] if isinstance(value, list) else mark(what)

    def call(given: Any) -> Any:
        function = given.get("function") if isinstance(given, dict) else None
        if not isinstance(function, dict):  # no template has to know this form: every word of it must be found
            if not isinstance(given, dict):
                return arguments(given, "a tool call that is no function")
            rest = {key: value for key, value in given.items() if key not in _OF_CALLS}
            if not rest:
                mark("an empty tool call")
            return {**given, **arguments(rest, "a tool call that is no function")}
        named = {**function, "name": mark("the name of a tool call")}
        return {
            **given,
            "function": {**named, "arguments": arguments(function.get("arguments", {}), "an argument of a tool call")},
        }

    marked = []
    called: set[Any] = set()
    for message in messages:
        role = message["role"]
        words = {
            key: mark(f"the {key} of a message (role {role})") if message[key].strip() else message[key]
            for key in _SAID
            if isinstance(message.get(key), str) and not (key == "name" and message["name"] in called)
        }
        called |= _called(message)
        calls = {"tool_calls": [call(given) for given in message["tool_calls"]]} if message.get("tool_calls") else {}
        marked.append({**message, **words, **calls})
    return marked, marks
