"""Suites: the pairs that may be evaluated on, frozen without text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.domain.errors import GateRefused, Lost, NotFound, Unavailable
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.training_sheet import SheetStatus
from training_pipeline.models.evaluation.suite import Suite, freeze, rows_of
from training_pipeline.testing.sheets.pairs import Row, chat, odd_pairs, pair
from training_pipeline.testing.sheets.sheets_in_memory import SheetsInMemory
from training_pipeline.testing.soak import examples

POLICY = GatePolicy()


def evaluable(number: int, **values: Any) -> Row:
    """A pair of a held-out test set."""
    return pair(number, **{"allowed_uses": ["evaluation"], **values})


def frozen(sheets: SheetsInMemory, root: Path, *sheet_ids: str) -> Suite:
    return freeze(sheets, POLICY, sheet_ids or ["sheet-1"], directory=root / "suites")


@pytest.fixture
def sheets() -> SheetsInMemory:
    return SheetsInMemory()


def test_what_may_be_evaluated_on_is_in_and_all_else_is_counted(sheets: SheetsInMemory, tmp_path: Path) -> None:
    rows = [evaluable(number) for number in range(5)]
    rows += [
        pair(10),  # trained on, and never evaluated
        pair(11, allowed_uses=["training", "evaluation"]),
        evaluable(12, prohibited_uses=["evaluation"]),
        evaluable(13, label_prohibited_uses=["evaluation"]),
        evaluable(14, prohibited_uses=["training"]),
        evaluable(15, status="pending"),
        evaluable(16, status="rejected"),
        evaluable(17, prohibited_uses=None),
        evaluable(18, messages=chat("Question 0?", "Answer 0.")),
        evaluable(19, messages=chat("Question 12?", "Answer 12.")),
        evaluable(20, messages=None),
    ]
    sheets.put("sheet-1", rows)
    suite = frozen(sheets, tmp_path)
    (sheet,) = suite.sheets
    assert sheet.excluded == {
        "duplicate": 1,
        "evaluation_not_allowed": 2,
        "evaluation_prohibited": 2,
        "identical_to_prohibited": 1,
        "invalid": 1,
        "rejected": 1,
        "unlabeled": 1,
    }
    assert sheet.total == len(rows) == sheet.pairs + sum(sheet.excluded.values())
    assert [row["pair_id"][-2:] for row in rows_of(suite).to_pylist()] == ["00", "01", "02", "03", "04", "11", "14"]


def test_a_tag_of_the_source_closes_the_evaluation(sheets: SheetsInMemory, tmp_path: Path) -> None:
    sheets.put("sheet-1", [evaluable(1)], tags=("CONFIDENTIAL",))
    with pytest.raises(GateRefused, match="No pair may be evaluated on: of training sheet 'sheet-1' 1 evaluation_pro"):
        frozen(sheets, tmp_path)
    sheets.put("sheet-1", [evaluable(1)], tags=("PHI",))  # it prohibits training, not evaluation
    assert frozen(sheets, tmp_path).pairs == 1


def test_several_sheets_have_one_suite_and_an_example_once(sheets: SheetsInMemory, tmp_path: Path) -> None:
    sheets.put("one", [evaluable(number) for number in range(4)])
    sheets.put("two", [evaluable(number) for number in range(2, 8)])
    suite = frozen(sheets, tmp_path, "one", "two", "one")
    assert [(sheet.training_sheet_id, sheet.pairs, sheet.excluded) for sheet in suite.sheets] == [
        ("one", 4, {}),
        ("two", 4, {"duplicate": 2}),
    ]
    assert len(set(rows_of(suite)["row_hash"].to_pylist())) == suite.pairs == 8


def test_a_copy_in_another_sheet_is_told_as_within_one(sheets: SheetsInMemory, tmp_path: Path) -> None:
    """White space and a name make no other example; a sign does."""
    named = chat("Question 1?", "Answer 1.")
    named[0] |= {"name": "ada"}
    sheets.put("one", [evaluable(number) for number in range(3)])
    copies = [evaluable(10, messages=chat(" Question 0? \n", "Answer 0. ")), evaluable(11, messages=named)]
    sheets.put("two", [*copies, evaluable(12, messages=chat("Question 2?", "-Answer 2."))])
    assert [(sheet.pairs, sheet.excluded) for sheet in frozen(sheets, tmp_path, "one", "two").sheets] == [
        (3, {}),
        (1, {"duplicate": 2}),
    ]


def test_the_same_pairs_are_the_same_suite_and_no_text_is_stored(sheets: SheetsInMemory, tmp_path: Path) -> None:
    rows = [evaluable(number, messages=chat(f"Whose secret is {number}?", "Mine.")) for number in range(9)]
    sheets.put("sheet-1", rows)
    suite = frozen(sheets, tmp_path)
    sheets.put("sheet-1", rows[::-1])
    assert frozen(sheets, tmp_path).path == suite.path
    sheets.put("sheet-1", rows[1:])
    assert frozen(sheets, tmp_path).digest != suite.digest
    for path in suite.path.iterdir():
        assert b"secret" not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0


def test_a_suite_whose_volume_is_away_is_waited_for(sheets: SheetsInMemory, tmp_path: Path) -> None:
    sheets.put("sheet-1", [evaluable(number) for number in range(3)])
    suite = frozen(sheets, tmp_path)
    suite.path.parent.rename(tmp_path / "away")
    with pytest.raises(Unavailable, match="cannot be read now") as raised:
        rows_of(suite)
    assert not raised.value.recurs
    (tmp_path / "suites" / "another").mkdir(parents=True)
    with pytest.raises(Lost, match="is gone"):
        rows_of(suite)


def test_a_damaged_suite_is_said_and_made_anew(sheets: SheetsInMemory, tmp_path: Path) -> None:
    sheets.put("sheet-1", [evaluable(1)])
    suite = frozen(sheets, tmp_path)
    (suite.path / "pairs.parquet").write_bytes(b"no")
    with pytest.raises(Unavailable, match="is damaged"):
        rows_of(suite)
    assert len(rows_of(frozen(sheets, tmp_path))) == 1


def test_sheets_that_are_not_approved_or_not_there_are_refused(sheets: SheetsInMemory, tmp_path: Path) -> None:
    sheets.put("sheet-1", [evaluable(1)], status=SheetStatus.REVIEW)
    with pytest.raises(GateRefused, match="nothing is evaluated on it"):
        frozen(sheets, tmp_path)
    with pytest.raises(NotFound):
        frozen(sheets, tmp_path, "nobody")
    assert not list(tmp_path.rglob("*.parquet"))


@settings(max_examples=examples(1), deadline=None)
@given(st.lists(odd_pairs, min_size=40, max_size=60))
def test_no_odd_pair_is_evaluated_on_that_does_not_say_so(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row]
) -> None:
    sheets = SheetsInMemory()
    named = [{**row, "pair_id": f"p-{number}", "item_ref": "item"} for number, row in enumerate(rows)]
    sheets.put("sheet-1", [*named, evaluable(99)])
    suite = frozen(sheets, tmp_path_factory.mktemp("suites"))
    (sheet,) = suite.sheets
    assert sheet.total == len(rows) + 1 == sheet.pairs + sum(sheet.excluded.values())
    by_id = {row["pair_id"]: row for row in named}
    for found in rows_of(suite).to_pylist():
        row = by_id.get(found["pair_id"])
        if row is None:
            continue
        allowed = [use.strip().lower() for use in row["allowed_uses"]]
        prohibited = [use.strip().lower() for use in row["prohibited_uses"]]
        assert "evaluation" in allowed
        assert "evaluation" not in prohibited
