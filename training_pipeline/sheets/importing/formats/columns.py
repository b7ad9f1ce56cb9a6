"""Columns that are mapped: a table of questions and answers, or a training sheet of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from training_pipeline.sheets.importing.formats.base import Flat, Notes

#: Names that a question and an answer go by, without regard to capitals.
QUESTIONS: Final = ("question", "prompt", "query")
ANSWERS: Final = ("answer", "response", "completion")


class Columns:
    """The fallback: any table, of which columns are named."""

    name = "columns"
    title = "a table of questions and answers"
    status_words: Mapping[str, str] = {}

    def recognise(self, rows: Sequence[Mapping[str, Any]]) -> str | None:
        """Any file that is nothing else."""
        return "it is none of the other formats"

    def flatten(self, row: Mapping[str, Any], notes: Notes, choose: str) -> Flat | None:
        """The columns as they are."""
        folded: dict[str, str] = {}
        for name in row:
            folded.setdefault(name.casefold(), name)
        exact = [name for name in row if name in (*QUESTIONS, *ANSWERS)]
        folded |= {name: name for name in exact}
        questions = tuple(folded[name] for name in QUESTIONS if name in folded)
        answers = tuple(folded[name] for name in ANSWERS if name in folded)
        return Flat(columns=dict(row), questions=questions[:1], answers=answers[:1])
