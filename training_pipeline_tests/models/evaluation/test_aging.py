"""A suite whose sheets have changed: what may no longer be evaluated on is left out and counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.training_sheet import SheetStatus
from training_pipeline.models.evaluation.aging import aged, sheets_now
from training_pipeline.models.evaluation.suite import Suite, freeze
from training_pipeline.testing.sheets.pairs import Row, chat, pair
from training_pipeline.testing.sheets.sheets_in_memory import SheetsInMemory

POLICY = GatePolicy()


def rows(**edits: Any) -> list[Row]:
    made = [pair(number, allowed_uses=["evaluation"]) for number in range(6)]
    made[3] = {**made[3], **edits}
    return made


@pytest.fixture
def sheets() -> SheetsInMemory:
    made = SheetsInMemory()
    made.put("one", rows())
    made.put("two", [pair(number, allowed_uses=["evaluation"]) for number in range(10, 12)])
    return made


@pytest.fixture
def suite(sheets: SheetsInMemory, tmp_path: Path) -> Suite:
    return freeze(sheets, POLICY, ["one", "two"], directory=tmp_path)


def now(sheets: SheetsInMemory, suite: Suite, policy: GatePolicy = POLICY) -> tuple[dict[str, int], list[str]]:
    """What is left out, and the questions of the pairs that are not, in their order."""
    left: dict[str, int] = {}
    asked: list[str] = []
    for each in sheets_now(sheets, policy, suite):
        left |= aged(each.rows)
        if each.texts is not None:
            texts = each.texts.order_by("pair_id").to_pyarrow().to_pylist()
            asked += [text["messages"][0]["content"] for text in texts]
    return left, asked


ALL = [f"Question {number}?" for number in (0, 1, 2, 3, 4, 5, 10, 11)]


def test_a_suite_is_young_while_nothing_changes(sheets: SheetsInMemory, suite: Suite) -> None:
    assert now(sheets, suite) == ({}, ALL)
    copy = pair(-1, allowed_uses=["evaluation"], messages=chat("Question 3?", "Answer 3."))  # it takes nothing back
    sheets.put("one", [copy, *rows(reviewed_by="somebody else")[::-1], pair(50, allowed_uses=["evaluation"])])
    assert now(sheets, suite) == ({}, ALL)


def test_what_changed_is_left_out(sheets: SheetsInMemory, suite: Suite) -> None:
    edits: list[dict[str, Any]] = [
        {"status": "flagged"},
        {"prohibited_uses": ["evaluation"]},
        {"allowed_uses": ["training"]},
        {"messages": chat("Question 3?", "Another answer.")},
        {"pair_id": "p-000005"},  # whose id is now that of two pairs
    ]
    edited = [row | changed for row, changed in zip(rows(), [*edits, {}], strict=True)]
    sheets.put("one", edited)
    expected = ["evaluation_not_allowed", "evaluation_prohibited", "flagged", "invalid", "missing", "text_changed"]
    assert now(sheets, suite) == (dict.fromkeys(expected, 1), ALL[6:])
    sheets.put("one", rows(status="unlabeled"))
    assert now(sheets, suite) == ({"unlabeled": 1}, [question for question in ALL if question != "Question 3?"])


def test_a_sheet_that_is_gone_or_in_review_is_left_out_whole(sheets: SheetsInMemory, suite: Suite) -> None:
    sheets.remove("one")
    assert now(sheets, suite) == ({"sheet_missing": 6}, ALL[6:])
    sheets.put("two", [pair(10)], status=SheetStatus.REVIEW)
    assert now(sheets, suite) == ({"sheet_missing": 6, "sheet_not_approved": 2}, [])
