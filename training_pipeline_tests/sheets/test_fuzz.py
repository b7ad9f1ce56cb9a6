"""A slice of `scripts/fuzz_sheets.py files`, which says what is done with each: no tracebacks, no wrong acceptances."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from training_pipeline.domain.errors import SheetUnreadable
from training_pipeline.sheets.files import opening
from training_pipeline.sheets.files.duckdb_sql import select_pairs
from training_pipeline.testing.oracles import sheet_oracle
from training_pipeline.testing.oracles.sheet_oracle import judge
from training_pipeline.testing.sheets.mutated_sheets import KINDS, SECRET, MutatedSheet, mutated_sheet
from training_pipeline.testing.sheets.sheet_files import HEAD

SEED = 12


@pytest.mark.parametrize("part", range(4))
def test_mutated_sheets(tmp_path: Path, part: int) -> None:
    found = {}
    for number in range(20 * part, 20 * part + 20):
        directory = tmp_path / str(number)
        directory.mkdir()
        if findings := judge(mutated_sheet(SEED, number), directory):
            found[number] = findings
    assert not found, f"scripts/fuzz_sheets.py files --seed {SEED} --only {min(found)} shows the first again"


def test_a_number_makes_the_same_sheet_and_numbers_take_turns() -> None:
    sheets = [mutated_sheet(SEED, number) for number in range(40)]
    assert sheets == [mutated_sheet(SEED, number) for number in range(40)]
    assert [sheet.kind for sheet in sheets] == list(KINDS) * 10
    assert len({(sheet.head, sheet.pairs) for sheet in sheets}) == 40


SOUND = b'{"pair_id": "p", "item_ref": "i", "status": "labeled", "question": "q", "answer": "a", "allowed_uses": []}\n'


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda _: "SELECT no", "open: refused, and check finds no error"),
        (lambda select: f"{select} WHERE false", "open: 0 rows instead of 1"),
        (
            lambda select: f"SELECT * REPLACE ('other' AS status) FROM ({select})",
            "other values than expected in status",
        ),
    ],
)
def test_the_oracle_finds_what_is_made_of_a_sound_sheet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[str], str], expected: str
) -> None:
    monkeypatch.setattr(opening, "select_pairs", lambda raw, head: spoil(select_pairs(raw, head)))
    found = judge(MutatedSheet("jsonl", HEAD.encode(), ".jsonl", SOUND), tmp_path)
    assert [finding for finding in found if expected in finding], found


def test_the_oracle_knows_that_a_default_fills_no_gap_of_a_column_that_is_there(tmp_path: Path) -> None:
    nulls = SOUND.replace(b'"allowed_uses": []', b'"allowed_uses": null, "prohibited_uses": []')
    head = HEAD + "defaults: {allowed_uses: [training], data_classification: internal}\n"
    assert judge(MutatedSheet("jsonl", head.encode(), ".jsonl", nulls), tmp_path) == []


def test_the_oracle_finds_tracebacks_and_texts_of_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise KeyError

    def tells(*_: object, **__: object) -> None:
        raise SheetUnreadable(f"The text is {SECRET}.")

    monkeypatch.setattr(sheet_oracle, "import_sheet", fails)
    monkeypatch.setattr(sheet_oracle, "check", tells)
    found = judge(MutatedSheet("jsonl", HEAD.encode(), ".jsonl", SOUND), tmp_path)
    assert "check: shows the text of a pair" in found
    assert [finding for finding in found if finding.startswith("import: traceback KeyError in test_fuzz.py")]
