"""The columns that a file of pairs may have, and the validation of those it has."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Final

from training_pipeline.domain.pair_types import PAIR_TYPES
from training_pipeline.domain.rules.examples.chat_format import Problem
from training_pipeline.sheets.head import Head
from training_pipeline.sheets.shown_name import shown_name

#: Columns that together stand for `messages`: an optional system message, one question, one answer.
QUESTION_ANSWER: Final = {"system": "system", "question": "user", "answer": "assistant"}

LIST_COLUMNS: Final = tuple(name for name, said in PAIR_TYPES.items() if said == "array<string>")
TEXT_COLUMNS: Final = tuple(name for name, said in PAIR_TYPES.items() if said == "string" and name != "tools")
KNOWN_COLUMNS: Final = (*PAIR_TYPES, *QUESTION_ANSWER)
#: Unknown columns, and letters of their names, that are compared with the known ones: that takes time.
_COMPARED: Final = 64
REQUIRED_COLUMNS: Final = ("pair_id", "item_ref", "status")


def column_problems(columns: Mapping[str, int | None], head: Head) -> Iterator[Problem]:
    """Every problem with the columns of a file, given as name -> line where it is first seen."""
    allowed = {*KNOWN_COLUMNS, *head.ignored_columns}
    unknown = [name for name in columns if name not in allowed]
    for number, name in enumerate(unknown):
        near = _near(name) if number < _COMPARED and len(name) < _COMPARED else ""
        shown = shown_name(name)
        hidden = "; is it the text of a pair, in a file without the names of its columns?" if shown != name else ""
        yield Problem(shown, "unknown_column", f"is not a known column{near or hidden}", columns[name])
    yield from twin_columns({name: line for name, line in columns.items() if name in allowed})
    for name in REQUIRED_COLUMNS:
        if name not in columns:
            yield Problem(name, "missing_column", "is missing; every pair needs it, and it has no default")
    if "allowed_uses" not in columns and head.defaults.allowed_uses is None:
        wanted = "is missing; give it a column, or state it under `defaults` in the YAML"
        yield Problem("allowed_uses", "missing_column", wanted)
    pair = [name for name in QUESTION_ANSWER if name in columns]
    if "messages" in columns and pair:
        both = f"cannot be combined with {', '.join(pair)}: use either messages or question and answer"
        yield Problem("messages", "ambiguous_columns", both)
    elif "messages" not in columns:
        for name in ("question", "answer") if pair else ("messages",):
            if name not in columns:
                text = "is missing" if pair else "is missing; or give the columns question and answer instead"
                yield Problem(name, "missing_column", text)


def twin_columns(columns: Mapping[str, object]) -> Iterator[Problem]:
    """Columns whose names differ in capitals only, which no engine tells apart; their line where it is given."""
    seen: dict[str, str] = {}
    for name, line in columns.items():
        if (other := seen.setdefault(name.lower(), name)) != name:
            where = line if isinstance(line, int) else None
            yield Problem(name, "repeated_column", f"differs from column '{other}' only in case", where)


def known_columns_hint() -> str:
    """What to do about an unknown column."""
    return (
        f"Known columns: {', '.join(KNOWN_COLUMNS)}. "
        "List columns to ignore under `ignored_columns` in the sheet's YAML."
    )


def _near(name: str) -> str:
    match = difflib.get_close_matches(name.strip().lower().replace(" ", "_"), KNOWN_COLUMNS, n=1, cutoff=0.75)
    return f"; did you mean '{match[0]}'?" if match else ""
