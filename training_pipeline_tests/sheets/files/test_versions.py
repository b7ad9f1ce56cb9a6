from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from training_pipeline.domain.training_sheet import SheetStatus
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.sheets.files.versions import VERSION, versions
from training_pipeline.testing.imports import import_rows, pairs_of


def rows(number: int) -> list[dict[str, Any]]:
    return [{"question": f"q{n}", "answer": "a"} for n in range(number)]


def count(folder: Path) -> int:
    with FileTrainingSheets([folder], threads=1).open("s") as opened:
        return int(opened.pairs.count().execute())


def test_a_replaced_sheet_stays_as_a_version_of_its_own(tmp_path: Path) -> None:
    for number in (3, 4, 5, 4):
        import_rows(tmp_path, rows(number), status="labeled")
    found = versions([tmp_path / "in"], "s")
    assert sorted(count(folder) for _, folder in found) == [3, 4, 5]
    assert all(VERSION.fullmatch(name) for name, _ in found)
    assert count(tmp_path / "in") == 4
    assert [sheet.id for sheet in FileTrainingSheets([tmp_path / "in"]).list()] == ["s"]
    for _, folder in found:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_version_with_the_same_pairs_and_another_head(tmp_path: Path) -> None:
    import_rows(tmp_path, rows(3), status="labeled")
    again = import_rows(tmp_path, rows(3), status="labeled", sheet_status=SheetStatus.REVIEW)
    ((_, folder),) = versions([tmp_path / "in"], "s")
    assert FileTrainingSheets([folder]).get("s").status == SheetStatus.APPROVED
    assert (count(folder), len(pairs_of(again))) == (3, 3)


def test_what_is_no_sheet_leaves_no_version(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "s.yaml").write_text("name: broken")
    import_rows(tmp_path, rows(3), status="labeled")
    assert versions([tmp_path / "in"], "s") == []
