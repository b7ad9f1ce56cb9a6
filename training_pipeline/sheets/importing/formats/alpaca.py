"""Alpaca: an instruction, its input, and the output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training_pipeline.sheets.importing.formats.base import Flat, Notes, most_have, rest_of


class Alpaca:
    """A row is an instruction and an output."""

    name = "alpaca"
    title = "Alpaca instructions"
    status_words: Mapping[str, str] = {}

    def recognise(self, rows: Sequence[Mapping[str, Any]]) -> str | None:
        """By the columns `instruction` and `output`."""
        return "rows have `instruction` and `output`" if most_have(rows, "instruction", "output") else None

    def flatten(self, row: Mapping[str, Any], notes: Notes, choose: str) -> Flat | None:
        """Instruction and input with a blank line between them are the question; system and history come before it."""
        messages: list[dict[str, Any]] = []
        if system := _text(row.get("system"), notes, "system"):
            messages.append({"role": "system", "content": system})
        for index, turn in enumerate(_history(row.get("history"), notes)):
            for position, role in enumerate(("user", "assistant")):
                text = _text(turn[position], notes, f"history[{index}][{position}]")
                messages.append({"role": role, "content": text})
        parts = [_text(row.get(name), notes, name) for name in ("instruction", "input")]
        messages.append({"role": "user", "content": "\n\n".join(part for part in parts if part)})
        messages.append({"role": "assistant", "content": _text(row.get("output"), notes, "output")})
        return Flat({"messages": messages}, rest_of(row, "instruction", "input", "output", "system", "history"))


def _history(value: object, notes: Notes) -> list[Sequence[object]]:
    if value is None or value == []:
        return []
    if isinstance(value, list) and all(isinstance(turn, list | tuple) and len(turn) == 2 for turn in value):
        return value
    notes.problem("history", "wrong_type", "is not a list of pairs of a question and its answer")
    return [(None, None)]  # a turn without content makes the row invalid


def _text(value: object, notes: Notes, path: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    notes.problem(path, "wrong_type", "is not text")
    return None
