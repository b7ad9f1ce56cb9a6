from __future__ import annotations

from pathlib import Path

import pytest

from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.sheets.importing.importer import import_sheet
from training_pipeline.sheets.importing.mapping import ColumnMapping
from training_pipeline.testing.sheets import foreign_files
from training_pipeline.uploads.child import Task
from training_pipeline.uploads.found import UploadPreview
from training_pipeline.uploads.limits import UploadLimits
from training_pipeline.uploads.read import done
from training_pipeline_tests.uploads.test_imports import HEAD, ROWS, asked


@pytest.fixture
def sheets(tmp_path: Path) -> Path:
    """Where there is a training sheet `desks`."""
    file = tmp_path / "desks.csv"
    file.write_text(HEAD + "".join(ROWS))
    import_sheet(asked(file=file, sheet_status="review"), tmp_path / "sheets")
    return tmp_path / "sheets"


def looked(sheets: Path, name: str, content: bytes, *, replace: bool = False, **values: object) -> UploadPreview:
    """What the process finds that reads an upload; here it is this one."""
    folder = sheets.parent / "upload"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    request = asked(file=folder / name, sheet_status="review", **values)
    limits = UploadLimits()
    task = Task(do="look", request=request, limits=limits, policy=GatePolicy(), sheets=sheets, replace=replace)
    found = done(task)
    assert found is not None
    assert [path.name for path in folder.iterdir()] == [name]
    (folder / name).unlink()
    return found


def test_what_would_change_is_told_to_who_would_replace_a_sheet(sheets: Path) -> None:
    before = sorted((path.name, path.read_bytes()) for path in sheets.iterdir() if path.is_file())
    edited = [*ROWS[:5], ROWS[5].replace("desk 2", "desk two"), *ROWS[6:11], "Who?,Ada,yes,grace,n\n", ROWS[11]]
    content = (HEAD + "".join(edited)).encode()
    unasked = looked(sheets, "a.csv", content)
    assert (unasked.replaces, unasked.changes) == (True, None)
    assert not looked(sheets, "a.csv", content, replace=True, id="new").replaces
    changes = looked(sheets, "a.csv", content, replace=True).changes
    assert changes is not None
    # Pairs are numbered: the new one has the number of the last, and that has a new one.
    assert {one.pair_id: one.changes for one in changes.pairs} == {
        "desks-000006": ("edited",),
        "desks-000012": ("edited",),
        "desks-000013": ("added",),
    }
    assert (changes.total, changes.counts["edited"]) == (3, 2)
    assert "desk two" not in changes.model_dump_json()
    (sheets / "desks.yaml").write_text("}")
    broken = looked(sheets, "a.csv", content, replace=True)
    assert (broken.replaces, broken.changes) == (True, None)
    (sheets / "desks.yaml").write_bytes(dict(before)["desks.yaml"])
    assert sorted((path.name, path.read_bytes()) for path in sheets.iterdir() if path.is_file()) == before


def test_a_workbook_names_its_sheets_and_a_wrong_format_can_be_put_right(sheets: Path) -> None:
    table = [["question", "answer"], ["Who?", "Ada."]]
    book = foreign_files.workbook({"Notes": [["x"]], "Answers": table})
    first = looked(sheets, "a.xlsx", book, mapping=ColumnMapping())
    assert (first.worksheets, first.is_ready) == (("Notes", "Answers"), False)
    assert [one.code for one in first.problems] == ["several_worksheets"]
    chosen = looked(sheets, "a.xlsx", book, mapping=ColumnMapping(worksheet="Answers"), allow=("training",))
    assert (chosen.format, chosen.pairs, chosen.is_ready) == ("columns", 1, True)
    assert looked(sheets, "a.xlsx", b"PK\x03\x04 is no workbook").worksheets == ()
    alpaca = b"instruction,input,output\nSay it,in French,oui\n"
    assert looked(sheets, "b.csv", alpaca, mapping=ColumnMapping()).format == "alpaca"
    assert looked(sheets, "b.csv", alpaca, mapping=ColumnMapping(format="columns")).format == "columns"
