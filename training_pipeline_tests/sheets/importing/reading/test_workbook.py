from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from python_calamine import PasswordError

from training_pipeline.sheets.files.row import Row
from training_pipeline.sheets.importing.reading import workbook
from training_pipeline.testing.sheets import foreign_files

TABLE: list[list[foreign_files.Cell]] = [
    ["question", "ok", None, "n"],
    ["a", True, None, 7.0],
    [None, None],
    ["=1+7", False, "x", 0.5],
]


def read(tmp_path: Path, content: bytes, worksheet: str | None = None) -> list[Row]:
    (tmp_path / "a.xlsx").write_bytes(content)
    return list(workbook.rows(tmp_path / "a.xlsx", worksheet))


def test_values_by_their_row_in_the_sheet(tmp_path: Path) -> None:
    rows = read(tmp_path, foreign_files.workbook({"s": TABLE}))
    assert [(row.line, row.values) for row in rows] == [
        (2, {"question": "a", "ok": True, "column 3": None, "n": "7"}),
        (4, {"question": "8", "ok": False, "column 3": "x", "n": "0.5"}),
    ]


def test_of_several_sheets_one_is_named(tmp_path: Path) -> None:
    content = foreign_files.workbook({"one": TABLE, "two": [["q"], ["z"]]})
    (row,) = read(tmp_path, content)
    assert row.problems[0].message == "has the sheets 'one', 'two'; name one with --worksheet"
    assert [row.values for row in read(tmp_path, content, "two")] == [{"q": "z"}]
    (row,) = read(tmp_path, content, "three")
    assert row.problems[0].code == "unknown_worksheet"


@pytest.mark.parametrize("content", [b"PK\x03\x04 nothing", b"", foreign_files.workbook({"s": TABLE})[:-40]])
def test_what_is_no_workbook_is_said(tmp_path: Path, content: bytes) -> None:
    assert [row.problems[0].code for row in read(tmp_path, content)] == ["broken_workbook"]


@pytest.mark.parametrize("said", [3_000_000, 10])
def test_a_bomb_is_not_unpacked_whatever_it_says_of_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: int
) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"\0" * 3_000_000)
    content = out.getvalue().replace((3_000_000).to_bytes(4, "little"), said.to_bytes(4, "little"))
    monkeypatch.setattr(workbook, "LARGEST", 2**20)
    assert [row.problems[0].code for row in read(tmp_path, content)] == ["too_large"]


def test_a_workbook_with_a_password_is_told_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Locked:
        @staticmethod
        def from_path(_: str) -> None:
            raise PasswordError

    monkeypatch.setattr(f"{workbook.__name__}.CalamineWorkbook", Locked)
    (row,) = read(tmp_path, foreign_files.workbook({"s": TABLE}))
    assert row.problems[0].message == "is protected by a password; save it without one"


def test_an_error_and_a_formula_without_a_value_are_empty(tmp_path: Path) -> None:
    content = foreign_files.workbook({"s": [["question", "answer"], ["#REF!", "=1+7"]]})
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(changed, "w") as after:
        for name in before.namelist():
            text = before.read(name).decode()
            inline = 't="inlineStr"><is><t xml:space="preserve">#REF!</t></is></c>'
            after.writestr(name, text.replace(inline, 't="e"><v>#REF!</v></c>').replace("<v>8</v>", ""))
    assert read(tmp_path, content)[0].values == {"question": "#REF!", "answer": "8"}
    assert read(tmp_path, changed.getvalue()) == []
