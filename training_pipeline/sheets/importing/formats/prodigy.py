"""Prodigy's JSONL: examples with an answer of accept, reject or ignore, one row for each annotator."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from training_pipeline.domain.rules.examples.chat_format import word_of
from training_pipeline.sheets.importing.formats.base import Flat, Notes, most_have, rest_of
from training_pipeline.sheets.importing.formats.choosing import DISAGREED, Annotation, chosen, text_or_none

_QUESTIONS: Final = ("question", "prompt", "text")
#: Where the annotator's own words stand, and the label that a binary answer is about.
_ANSWERS: Final = ("user_input", "accepted options", "response", "completion", "label")
_OWN: Final = (
    *("_input_hash", "_task_hash", "_annotator_id", "_session_id", "_timestamp", "_view_id", "_is_binary"),
    *("answer", "options", "accept", "config"),
)
#: What may differ between two annotations that say the same.
_NOT_SAID: Final = ("answer", "config", "meta", "priority", "score")


class Prodigy:
    """A row is an annotated example."""

    name = "prodigy"
    title = "Prodigy annotations"
    status_words: Mapping[str, str] = {
        "accept": "labeled",
        "reject": "rejected",
        "ignore": "unlabeled",
        DISAGREED: "flagged",
    }

    def recognise(self, rows: Sequence[Mapping[str, Any]]) -> str | None:
        """By Prodigy's hashes."""
        found = most_have(rows, "_input_hash", "_task_hash")
        return "rows have `_input_hash` and `_task_hash`" if found else None

    def flatten(self, row: Mapping[str, Any], notes: Notes, choose: str) -> Flat | None:
        """The example's fields; chosen options become the column `accepted options`, a line each."""
        return self.flatten_task([row], notes, choose)

    def task_of(self, row: Mapping[str, Any]) -> str | None:
        """Annotators of one task share its hash."""
        return text_or_none(row.get("_task_hash"))

    def flatten_task(self, rows: Sequence[Mapping[str, Any]], notes: Notes, choose: str) -> Flat | None:
        """The fields of the annotation that counts; one that was ignored does not count against others."""
        found = chosen([_annotation(row, place) for place, row in enumerate(rows)], choose)
        if found is None:
            return None
        notes.left_out["other annotations of a task"] += len(rows) - 1
        annotation, status = found
        row = rows[int(annotation.id or 0)]
        columns = rest_of(row, *_OWN)
        if row.get("accept"):
            columns["accepted options"] = _options(row, notes)
        given = {
            "item_ref": text_or_none(row.get("_input_hash")),
            "pair_id": text_or_none(row.get("_task_hash")),
            "status": status or None,
            "reviewed_by": annotation.by,
            "reviewed_at": _time(row.get("_timestamp"), notes),
        }
        questions = tuple(name for name in _QUESTIONS if name in columns)
        answers = tuple(name for name in _ANSWERS if name in columns)
        return Flat(given, columns, questions[:1], answers[:1])


def _annotation(row: Mapping[str, Any], place: int) -> Annotation:
    """What an annotator made of the task, with its place among the rows for an id."""
    answer = text_or_none(row.get("answer")) or ""
    said = {name: value for name, value in rest_of(row, *_NOT_SAID).items() if value is not None and name[:1] != "_"}
    return Annotation(
        answers={name: json.dumps(value, sort_keys=True, default=str) for name, value in said.items()},
        status=answer,
        by=text_or_none(row.get("_annotator_id") or row.get("_session_id")),
        at=_time(row.get("_timestamp"), Notes()),
        id=str(place),
        is_refused=word_of(answer) == "reject",
        counts=word_of(answer) in ("accept", "reject"),
    )


def _options(row: Mapping[str, Any], notes: Notes) -> str | None:
    """The texts of the options that were accepted, as the annotator saw them; the id of one without a text."""
    options = row.get("options")
    listed = [one for one in options if isinstance(one, dict)] if isinstance(options, list) else []
    texts = {str(one.get("id")): one.get("text") for one in listed}
    accepted = row["accept"] if isinstance(row["accept"], list) else [row["accept"]]
    words = [text_or_none(texts.get(str(one)) or one) for one in accepted]
    if None in words:
        notes.problem("accept", "wrong_type", "is not a list of options")
        return None
    return "\n".join(word for word in words if word)


def _time(value: object, notes: Notes) -> str | None:
    if value is None:
        return None
    try:
        return datetime.fromtimestamp(float(str(value)), UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        notes.problem("_timestamp", "wrong_type", "is not a time in seconds", spoils=False)
        return None
