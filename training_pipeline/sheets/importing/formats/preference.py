"""Preference data: of two answers the chosen one, of labelled ones the good ones.

What was rejected is no answer, and nothing of it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from training_pipeline.sheets.importing.formats.base import Flat, Notes, most_have, rest_of
from training_pipeline.sheets.importing.formats.messages import messages_of, tools_of
from training_pipeline.sheets.importing.formats.prompt_completion import turns_of

_TRUE: Final = frozenset({"true", "1"})
_FALSE: Final = frozenset({"false", "0", "none"})


class Preference:
    """`chosen` and `rejected`, with `prompt` or without; also OpenAI's `preferred_output`."""

    name = "preference"
    title = "preference pairs"
    status_words: Mapping[str, str] = {}

    def recognise(self, rows: Sequence[Mapping[str, Any]]) -> str | None:
        """By the columns that name the better answer."""
        if most_have(rows, "chosen", "rejected"):
            return "rows have `chosen` and `rejected`"
        if most_have(rows, "input", "preferred_output"):
            return "rows have `input` and `preferred_output`"
        return None

    def flatten(self, row: Mapping[str, Any], notes: Notes, choose: str) -> Flat | None:
        """The prompt and the chosen answer; the rejected one is counted and goes nowhere."""
        if "preferred_output" in row:
            return _openai(row, notes)
        notes.left_out["rejected answers"] += row.get("rejected") is not None
        chosen = row.get("chosen")
        messages = turns_of(row["prompt"], "user", notes, "prompt") if row.get("prompt") is not None else []
        answer = turns_of(chosen, "assistant", notes, "chosen")
        if messages and answer[: len(messages)] == messages:
            messages = []  # the prompt stands in the chosen conversation once more
        if not messages and isinstance(chosen, str):
            notes.problem("prompt", "missing_question", "is missing, and `chosen` is a text without a question")
        given: dict[str, Any] = {"messages": [*messages, *answer]}
        if row.get("tools") is not None:
            given["tools"] = tools_of(row["tools"])
        rest = rest_of(row, "prompt", "chosen", "rejected", "tools")
        if "messages" in rest and messages_of(rest["messages"], Notes(), "messages") == given["messages"]:
            del rest["messages"]  # the chosen conversation once more, as some data sets have it
        return Flat(given, rest)


class Labelled:
    """KTO: a prompt, a completion, and whether the completion is good."""

    name = "kto"
    title = "completions labelled good or bad"
    status_words: Mapping[str, str] = {}

    def recognise(self, rows: Sequence[Mapping[str, Any]]) -> str | None:
        """By a `label` that is true or false beside prompt and completion."""
        is_labelled = most_have(rows, "prompt", "completion", "label")
        if is_labelled and all(_word(row.get("label")) in _TRUE | _FALSE for row in rows):
            return "rows have `prompt`, `completion` and a `label` of true or false"
        return None

    def flatten(self, row: Mapping[str, Any], notes: Notes, choose: str) -> Flat | None:
        """A row whose label is true; others are counted, and their text goes nowhere."""
        if _word(row.get("label")) not in _TRUE:
            notes.left_out["completions not labelled true"] += 1
            return None
        turns = turns_of(row.get("prompt"), "user", notes, "prompt")
        turns += turns_of(row.get("completion"), "assistant", notes, "completion")
        return Flat({"messages": turns}, rest_of(row, "prompt", "completion", "label"))


def _word(label: object) -> str:
    return str(label).strip().lower()


def _openai(row: Mapping[str, Any], notes: Notes) -> Flat:
    notes.left_out["rejected answers"] += row.get("non_preferred_output") is not None
    given_input = row.get("input")
    asked = given_input if isinstance(given_input, dict) else {}
    messages = messages_of(asked.get("messages"), notes, "input.messages") or []
    answer = messages_of(row.get("preferred_output"), notes, "preferred_output") or []
    given: dict[str, Any] = {"messages": [*messages, *answer]}
    if asked.get("tools"):
        given["tools"] = tools_of(asked["tools"])
    left = {f"input.{key}": value for key, value in asked.items() if key not in ("messages", "tools")}
    return Flat(given, left | rest_of(row, "input", "preferred_output", "non_preferred_output"))
