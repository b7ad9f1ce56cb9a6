"""Label Studio's JSON export: tasks with annotations. Predictions approve nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from training_pipeline.sheets.importing.formats.base import Flat, Notes, count_of, most_have
from training_pipeline.sheets.importing.formats.choosing import DISAGREED, Annotation, chosen, text_or_none

#: Keys of a result's value that hold what was chosen or written.
_VALUES: Final = ("text", "choices", "labels", "rating", "number", "datetime", "taxonomy")
#: Data that is no text, whatever stands there to find it.
_MEDIA: Final = frozenset({"image", "images", "audio", "video", "pdf", "timeseries"})


class LabelStudio:
    """A row is a task; the annotation that counts makes it a pair."""

    name = "label-studio"
    title = "Label Studio tasks"
    status_words: Mapping[str, str] = {
        "ground_truth": "labeled",
        "accepted": "labeled",
        "submitted": "unlabeled",
        "refused": "rejected",
        "cancelled": "rejected",
        DISAGREED: "flagged",
    }

    def recognise(self, rows: Sequence[Mapping[str, Any]]) -> str | None:
        """By `data` and `annotations`."""
        if not most_have(rows, "data", "annotations"):
            return None
        objects = any(isinstance(row.get("data"), dict) and isinstance(row.get("annotations"), list) for row in rows)
        return "rows have `data` and a list of `annotations`" if objects else None

    def flatten(self, row: Mapping[str, Any], notes: Notes, choose: str) -> Flat | None:
        """The task's data, and the answers of the annotation that counts under the names of their controls."""
        data, given = row.get("data"), row.get("annotations")
        if not isinstance(data, dict) or not isinstance(given, list):
            notes.problem("data", "data_type", "a task needs an object `data` and a list `annotations`")
            return Flat({"item_ref": text_or_none(row.get("id"))})
        if row.get("predictions"):
            notes.left_out["predictions"] += count_of(row["predictions"])
        annotations = [_annotation(one, notes, index) for index, one in enumerate(given) if isinstance(one, dict)]
        found = chosen(annotations, choose)
        if found is None or not any(found[0].answers.values()):
            notes.left_out["tasks without an answer"] += 1
            return None
        notes.left_out["other annotations of a task"] += len(annotations) - 1
        annotation, status = found
        answers = {name if name not in data else f"result.{name}": text for name, text in annotation.answers.items()}
        made = {
            "item_ref": text_or_none(row.get("id")),
            "pair_id": annotation.id,
            "status": status,
            "reviewed_by": annotation.by,
            "reviewed_at": annotation.at,
        }
        rest = {f"task.{name}": value for name, value in row.items() if name not in _TASK_KEYS}
        questions = tuple(name for name in data if name.casefold() not in _MEDIA)
        return Flat(made, {**rest, **data, **answers}, questions, tuple(answers))


#: Bookkeeping of Label Studio itself, which says nothing about a pair.
_TASK_KEYS: Final = frozenset(
    {
        *("id", "data", "annotations", "predictions", "drafts", "project", "inner_id", "created_at", "updated_at"),
        *("total_annotations", "cancelled_annotations", "total_predictions", "comment_count", "comment_authors"),
        *("unresolved_comment_count", "last_comment_updated_at", "updated_by", "file_upload", "overlap", "is_labeled"),
    }
)


def _annotation(one: Mapping[str, Any], notes: Notes, index: int) -> Annotation:
    given = one.get("reviews") or []
    if not isinstance(given, list):
        notes.problem(f"annotations[{index}].reviews", "data_type", "is no list")
        given = []
    reviews = [review for review in given if isinstance(review, dict)]
    verdict = reviews[-1].get("accepted") if reviews else None
    cancelled, truth = one.get("was_cancelled") is True, one.get("ground_truth") is True
    states = {"cancelled": cancelled, "refused": verdict is False, "ground_truth": truth, "accepted": verdict is True}
    status = next((name for name, holds in states.items() if holds), "submitted")
    who = reviews[-1].get("created_by") if reviews and verdict is not None else one.get("completed_by")
    who = who if who is not None else one.get("completed_by")
    when = reviews[-1].get("created_at") if reviews and verdict is not None else None
    return Annotation(
        answers=_answers(one.get("result"), notes, index),
        status=status,
        by=text_or_none(who.get("email") or who.get("id")) if isinstance(who, dict) else text_or_none(who),
        at=text_or_none(when or one.get("updated_at") or one.get("created_at")),
        id=text_or_none(one.get("id")),
        is_approved=(truth or verdict is True) and verdict is not False and not cancelled,
        is_refused=verdict is False,
        counts=not cancelled,
    )


def _answers(result: object, notes: Notes, index: int) -> dict[str, str]:
    """The text of each control; several values of one stand on a line each."""
    texts: dict[str, list[str]] = {}
    for place, one in enumerate(result if isinstance(result, list) else ()):
        value = one.get("value") if isinstance(one, dict) else None
        if not isinstance(value, dict) or not isinstance(one.get("from_name"), str):
            continue
        key = next((key for key in _VALUES if key in value), None)
        if key is None or ("start" in value and key == "text"):  # a span of a text is no answer
            notes.unused[f"annotations[].result[].{one.get('type') or 'other'}"] += 1
            continue
        listed = value[key] if isinstance(value[key], list) else [value[key]]
        for word in listed:
            word = " / ".join(map(str, word)) if isinstance(word, list) else word
            if word is None or word == "":
                continue
            if (text := text_or_none(word)) is None:
                path = f"annotations[{index}].result[{place}].value.{key}"
                notes.problem(path, "wrong_type", "is neither text nor a number")
            else:
                texts.setdefault(one["from_name"], []).append(text)
    return {name: "\n".join(words) for name, words in texts.items()}
