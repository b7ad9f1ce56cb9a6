"""Argilla's records: fields, responses of people, and suggestions, which are no responses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from training_pipeline.sheets.importing.formats.base import Flat, Notes, count_of, most_have, rest_of
from training_pipeline.sheets.importing.formats.choosing import DISAGREED, Annotation, chosen, text_or_none


class Argilla:
    """A row is a record; the user's response that counts makes it a pair."""

    name = "argilla"
    title = "Argilla records"
    status_words: Mapping[str, str] = {
        "submitted": "labeled",
        "discarded": "rejected",
        "draft": "unlabeled",
        "pending": "unlabeled",
        DISAGREED: "flagged",
    }

    def recognise(self, rows: Sequence[Mapping[str, Any]]) -> str | None:
        """By `fields` and `responses`, or by columns such as `label.responses.status`."""
        if most_have(rows, "fields", "responses") and any(isinstance(row.get("fields"), dict) for row in rows):
            return "rows have `fields` and `responses`"
        flat = next((name for row in rows for name in row if name.endswith(".responses.status")), None)
        return f"there is the column `{flat}`" if flat else None

    def flatten(self, row: Mapping[str, Any], notes: Notes, choose: str) -> Flat | None:
        """The record's fields, and the answers of the response that counts under the names of their questions."""
        nested = isinstance(row.get("fields"), dict)
        fields = row["fields"] if nested else {}
        answers = _by_user(_nested(row, notes) if nested else _flat(row, notes), notes)
        found = chosen(answers, choose)
        if found is None:
            notes.left_out["records without a response"] += 1
            return None
        response, status = found
        notes.left_out["other responses of a record"] += len(answers) - 1
        if row.get("suggestions"):
            notes.left_out["suggestions"] += count_of(row["suggestions"])
        made = {
            "item_ref": text_or_none(row.get("external_id") or row.get("id") or row.get("_server_id")),
            "status": status,
            "reviewed_by": response.by,
        }
        if nested:
            left = rest_of(row, "fields", "responses", "suggestions", *_RECORD_KEYS)
            rest = {f"record.{name}": value for name, value in left.items() if value not in ({}, [])}
        else:
            fields = {name: value for name, value in rest_of(row, *_RECORD_KEYS).items() if "." not in name}
            rest = {}
        named = {name if name not in fields else f"response.{name}": text for name, text in response.answers.items()}
        return Flat(made, {**rest, **fields, **named}, questions=tuple(fields), answers=tuple(named))


#: What Argilla keeps for itself; the record's own status says whether enough people have answered.
_RECORD_KEYS = ("id", "_server_id", "external_id", "status", "inserted_at", "updated_at", "vectors")

_Answer = tuple[str, object, object, str]


def _nested(row: Mapping[str, Any], notes: Notes) -> Iterator[_Answer]:
    """Question, value, user and status: of the responses by question, or of the older list by user."""
    responses = row.get("responses")
    if isinstance(responses, dict):
        for question, given in responses.items():
            for one in given if isinstance(given, list) else [given]:
                if isinstance(one, dict):
                    yield question, one.get("value"), one.get("user_id"), str(one.get("status") or "submitted")
    elif isinstance(responses, list):
        for one in responses:
            if not isinstance(one, dict):
                continue
            values = one.get("values") or {}
            if not isinstance(values, dict):
                notes.problem("responses[].values", "data_type", "is no object")
                continue
            for question, value in values.items():
                held = value.get("value") if isinstance(value, dict) else value
                yield question, held, one.get("user_id"), str(one.get("status") or "submitted")
            if not values:  # discarded without an answer
                yield "", None, one.get("user_id"), str(one.get("status") or "submitted")
    elif responses is not None:
        notes.problem("responses", "data_type", "is neither a list nor an object")


def _flat(row: Mapping[str, Any], notes: Notes) -> Iterator[_Answer]:
    for name, values in row.items():
        if name.endswith(".responses") and isinstance(values, list):
            users = _listed(row, f"{name}.users", notes) or [None] * len(values)
            states = _listed(row, f"{name}.status", notes) or ["submitted"] * len(values)
            for value, user, state in zip(values, users, states, strict=False):
                yield name.removesuffix(".responses"), value, user, str(state)


def _listed(row: Mapping[str, Any], name: str, notes: Notes) -> list[Any]:
    found = row.get(name) or []
    if isinstance(found, list):
        return found
    notes.problem(name, "data_type", "is no list")
    return []


def _by_user(answers: Iterator[_Answer], notes: Notes) -> list[Annotation]:
    """A response a user; a draft does not count against the others, and a discarded record is turned down."""
    texts: dict[str | None, dict[str, str]] = {}
    states: dict[str | None, str] = {}
    for question, value, who, state in answers:
        user = text_or_none(who)
        if user is None and who not in (None, ""):
            notes.problem("responses", "wrong_type", "the user is neither text nor a number")
        held = texts.setdefault(user, {})
        states[user] = state.rpartition(".")[2].lower()
        if isinstance(value, list) and value and all(isinstance(word, str) for word in value):
            held[question] = "\n".join(value)
        elif (text := text_or_none(value)) is not None:
            held[question] = text
        elif value is not None and value != "":
            notes.problem(f"responses.{question}", "wrong_type", "is neither text nor a number")
    return [
        Annotation(
            answers,
            states[user],
            by=user,
            is_refused=states[user] == "discarded",
            counts=states[user] in ("submitted", "discarded"),
        )
        for user, answers in texts.items()
    ]
