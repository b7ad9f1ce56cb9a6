from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from training_pipeline.testing.sheets.imports import import_rows, pairs_of, turns


def record(*responses: tuple[str, str, str], **more: Any) -> dict[str, Any]:
    listed = [{"value": value, "user_id": user, "status": status} for value, user, status in responses]
    return {
        "id": "r1",
        "fields": {"prompt": "Q?"},
        "responses": {"reply": listed} if listed else {},
        "suggestions": {"reply": {"value": "guessed", "agent": "m"}},
        "metadata": {},
        "status": "completed",
        **more,
    }


@pytest.mark.parametrize(
    ("responses", "expected"),
    [
        ([("a", "u1", "submitted")], ("a", "labeled", "u1")),
        ([("a", "u1", "discarded")], ("a", "rejected", "u1")),
        ([("a", "u1", "draft")], ("a", "unlabeled", "u1")),
        ([("a", "u1", "submitted"), ("b", "u2", "draft")], ("a", "labeled", "u1")),
        ([("a", "u1", "submitted"), ("a", "u2", "discarded")], ("a", "flagged", "u1")),
        ([("a", "u1", "submitted"), ("", "u2", "discarded")], ("a", "flagged", "u1")),
        ([("a", "u1", "submitted"), ("a", "u2", "submitted")], ("a", "labeled", "u2")),
        ([("a", "u1", "submitted"), ("b", "u2", "submitted")], ("b", "flagged", "u2")),
    ],
)
def test_responses_of_people_count(
    tmp_path: Path, responses: list[tuple[str, str, str]], expected: tuple[str, str, str]
) -> None:
    imported = import_rows(tmp_path, [record(*responses), record(id="r2")])
    (pair,) = pairs_of(imported)
    assert (pair["messages"][1]["content"], pair["status"], pair["reviewed_by"]) == expected
    assert turns(pair)[0] == ("user", "Q?")
    assert pair["item_ref"] == "r1"
    assert imported.conversion.tally.left_out["records without a response"] == 1


def test_the_older_list_and_the_flat_columns_say_the_same(tmp_path: Path) -> None:
    older = {
        "external_id": "r1",
        "fields": {"prompt": "Q?"},
        "responses": [{"user_id": "u1", "status": "submitted", "values": {"reply": {"value": "a"}}}],
    }
    flat = {
        "id": "r1",
        "prompt": "Q?",
        "reply.responses": ["a"],
        "reply.responses.users": ["u1"],
        "reply.responses.status": ["submitted"],
        "reply.suggestion": "guessed",
        "status": "completed",
    }
    found = [pairs_of(import_rows(tmp_path, [row])) for row in (record(("a", "u1", "submitted")), older, flat)]
    assert found[0] == found[1] == found[2]


def test_fields_that_are_not_used_are_counted(tmp_path: Path) -> None:
    row = record(("a", "u1", "submitted"), fields={"prompt": "Q?", "colour": "red"}, metadata={"n": 1})
    assert import_rows(tmp_path, [row]).conversion.tally.unused == {"colour": 1, "record.metadata": 1}
