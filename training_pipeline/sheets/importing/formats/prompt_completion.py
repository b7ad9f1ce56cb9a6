"""Prompt and completion, as texts or as conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training_pipeline.sheets.importing.formats.base import Flat, Notes, most_have, rest_of
from training_pipeline.sheets.importing.formats.messages import messages_of, tools_of


class PromptCompletion:
    """A row is a prompt and its completion."""

    name = "prompt-completion"
    title = "prompts and completions"
    status_words: Mapping[str, str] = {}

    def recognise(self, rows: Sequence[Mapping[str, Any]]) -> str | None:
        """By the two columns."""
        return "rows have `prompt` and `completion`" if most_have(rows, "prompt", "completion") else None

    def flatten(self, row: Mapping[str, Any], notes: Notes, choose: str) -> Flat | None:
        """The prompt as the user's turn and the completion as the assistant's, or the messages that each holds."""
        turns = [turns_of(row.get("prompt"), "user", notes, "prompt")]
        turns.append(turns_of(row.get("completion"), "assistant", notes, "completion"))
        given: dict[str, Any] = {"messages": [message for part in turns for message in part]}
        if row.get("tools") is not None:
            given["tools"] = tools_of(row["tools"])
        return Flat(given, rest_of(row, "prompt", "completion", "tools"))


def turns_of(value: object, role: str, notes: Notes, path: str) -> list[dict[str, Any]]:
    """The messages in `value`; a text is one message of that role. What is missing is a message without content."""
    if isinstance(value, list):
        return messages_of(value, notes, path) or []
    if isinstance(value, dict) and "content" in value:
        return messages_of([value], notes, path) or []
    if value is not None and not isinstance(value, str):
        notes.problem(path, "wrong_type", "is neither text nor a list of messages")
        value = None
    return [{"role": role, "content": value}]
