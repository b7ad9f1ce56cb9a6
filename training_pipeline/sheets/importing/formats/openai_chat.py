"""Chat examples as OpenAI, Hugging Face and most others have them: `messages`, with tools beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training_pipeline.sheets.importing.formats.base import Flat, Notes, most_have, rest_of
from training_pipeline.sheets.importing.formats.messages import messages_of, tools_of


class OpenAIChat:
    """A row is a conversation."""

    name = "openai-chat"
    title = "OpenAI chat examples"
    status_words: Mapping[str, str] = {}

    def recognise(self, rows: Sequence[Mapping[str, Any]]) -> str | None:
        """By the column `messages`."""
        return "rows have `messages`" if most_have(rows, "messages") else None

    def flatten(self, row: Mapping[str, Any], notes: Notes, choose: str) -> Flat | None:
        """`messages`, and `tools` or the older `functions`."""
        given: dict[str, Any] = {"messages": messages_of(row.get("messages"), notes, "messages")}
        for name in ("functions", "tools"):
            if row.get(name) is not None:
                given["tools"] = tools_of(row[name])
        return Flat(given, rest_of(row, "messages", "tools", "functions"))
