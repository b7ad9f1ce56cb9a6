"""Whether a chat template writes all that an example says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from .marked_tools import Mark, marked_tools, without_required

Message = dict[str, Any]
#: What a message may say beside its role. The ids of tool calls only tie call and result together.
_SAID: Final = ("content", "name", "reasoning_content")
#: What a call has beside what it calls.
_OF_CALLS: Final = {"id", "type", "index"}
#: Templates may set reasoning apart from the answer, with other white space around it.
_REASONING: Final = re.compile(r"</?think>")
_PARTS: Final = re.compile(f"({_REASONING.pattern})")
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
        defined, more = marked_tools(tools)
        shape = json.dumps([marked, defined])
        if shape not in self._shapes:
            if len(self._shapes) == _SHAPES:
                self._shapes.clear()
            self._shapes[shape] = self._lost_of_shape(marked, defined, [*marks, *more])
        return self._shapes[shape]

    def _lost_of_shape(
        self, marked: Sequence[Message], defined: Sequence[Message] | None, marks: Sequence[Mark]
    ) -> str | None:
        rendered = self._write(marked, defined)
        written = rendered.lower()
        lost = next((what for mark, what in marks if mark not in written), None)
        optional = without_required(defined or ())
        if lost is None and optional is not None and self._write(marked, optional) == rendered:
            return "which parameters of a tool definition are required"
        return lost


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _called(message: Message) -> set[Any]:
    """The functions that `message` calls. A result that names one of them says nothing new."""
    functions = [given.get("function") for given in message.get("tool_calls", ()) if isinstance(given, dict)]
    names = [function.get("name") for function in functions if isinstance(function, dict)]
    return {name for name in names if isinstance(name, str)}


def _marked(messages: Sequence[Message]) -> tuple[list[Message], list[Mark]]:
    """`messages` with a marker for each word they say, and the markers with what they stand for."""
    marks: list[Mark] = []

    def mark(what: str) -> str:
        marks.append((f"marker{len(marks)}x", what))
        return marks[-1][0]

    def said(text: str, what: str) -> str:
        """Reasoning and answer each with a marker of its own."""
        return "".join(
            part if _REASONING.fullmatch(part) or not part.strip() else mark(what) for part in _PARTS.split(text)
        )

    def arguments(value: Any, what: str) -> Any:
        if isinstance(value, dict):
            return {mark(what): arguments(item, what) for item in value.values()}
        return [arguments(item, what) for item in value] if isinstance(value, list) else mark(what)

    def call(given: Any) -> Any:
        function = given.get("function") if isinstance(given, dict) else None
        if not isinstance(function, dict):  # no template has to know this form: every word of it must be found
            if not isinstance(given, dict):
                return arguments(given, "a tool call that is no function")
            rest = {key: value for key, value in given.items() if key not in _OF_CALLS}
            if not rest:
                mark("an empty tool call")
            return {**given, **{key: arguments(item, "a tool call that is no function") for key, item in rest.items()}}
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
            key: said(message[key], f"the {key} of a message (role {role})")
            for key in _SAID
            if isinstance(message.get(key), str) and not (key == "name" and message["name"] in called)
        }
        called |= _called(message)
        calls = {"tool_calls": [call(given) for given in message["tool_calls"]]} if message.get("tool_calls") else {}
        marked.append({**message, **words, **calls})
    return marked, marks
