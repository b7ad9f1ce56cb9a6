"""Tool definitions with a marker for each word they say, to see which of them a chat template writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

Message = dict[str, Any]
#: A marker, and what it stands for.
Mark = tuple[str, str]
#: What templates decide by, or that says nothing on its own.
_FORM: Final = frozenset({"type", "$ref", "$schema", "$id"})
_NAMED: Final = ("name", "description")


def marked_tools(tools: Sequence[Message] | None) -> tuple[list[Message] | None, list[Mark]]:
    """`tools` with markers for names, descriptions, parameters and all other values, and the markers."""
    marks: list[Mark] = []

    def mark(what: str) -> str:
        marks.append((f"definition{len(marks)}x", f"{what} of a tool definition"))
        return marks[-1][0]

    def number(what: str) -> int:
        """Numbers stay numbers, for templates that ask for them."""
        marks.append((str(7_310_000 + len(marks)), f"{what} of a tool definition"))
        return int(marks[-1][0])

    def value(given: Any, what: str) -> Any:
        if isinstance(given, dict):
            return schema(given)
        if isinstance(given, list):
            return [value(each, what) for each in given]
        if isinstance(given, str):
            return mark(what) if given.strip() else given
        return given if given is None or isinstance(given, bool) else number(what)

    def schema(given: Message) -> Message:
        properties = given.get("properties")
        names = {name: mark("a parameter") for name in properties} if isinstance(properties, dict) else {}
        found: Message = {}
        for key, inner in given.items():
            if key == "properties" and names:
                found[key] = {names[name]: value(of, "a parameter") for name, of in inner.items()}
            elif key == "required" and isinstance(inner, list):
                found[key] = [names.get(name, name) if isinstance(name, str) else name for name in inner]
            else:
                found[key] = inner if key in _FORM else value(inner, f"the {key} of a parameter")
        return found

    def definition(tool: Message) -> Message:
        inner = tool.get("function")
        function = inner if isinstance(inner, dict) else tool
        words = {key: value(function[key], f"the {key}") for key in _NAMED if key in function}
        rest = {key: each for key, each in function.items() if key not in _NAMED}
        marked = {**function, **words, **schema(rest)}  # in the order in which they were given
        return {**tool, "function": marked} if function is inner else marked

    return [definition(tool) for tool in tools] if tools else None, marks


def without_required(tools: Sequence[Message]) -> list[Message] | None:
    """`tools` with no parameter that is required; None where none is."""
    some = False

    def optional(given: Any) -> Any:
        nonlocal some
        if isinstance(given, list):
            return [optional(each) for each in given]
        if not isinstance(given, dict):
            return given
        found = {key: optional(inner) for key, inner in given.items()}
        properties, required = given.get("properties"), given.get("required")
        if isinstance(properties, dict) and isinstance(required, list):
            needed = [name for name in required if isinstance(name, str) and name in properties]
            some = some or bool(needed)
            found["required"] = [name for name in required if name not in needed]
        return found

    changed = [optional(tool) for tool in tools]
    return changed if some else None
