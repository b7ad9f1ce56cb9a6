"""Earlier versions of sheets and what changed between them, as every face tells it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from training_pipeline.client.sheets.versions import SheetVersions
from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.sheet_change import MEANINGS, SheetChange
from training_pipeline.schemas.paging import InvalidParameter
from training_pipeline.schemas.sheet_versions import TrainingSheetDiff
from training_pipeline.settings import Settings
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.testing.sheets.imports import import_rows


def rows(count: int, *, answer: str = "desk") -> list[dict[str, Any]]:
    return [{"pair_id": f"p-{number}", "question": f"q {number}?", "answer": answer} for number in range(count)]


def all_of(kept: SheetVersions, old: str, new: str, size: int, **given: Any) -> tuple[TrainingSheetDiff, list[str]]:
    ids: list[str] = []
    cursor = None
    while True:
        page = kept.diff(old, new, **{"changes": (), **given}, page_size=size, cursor=cursor)
        assert len(page.pairs) <= size
        ids += [pair.pair_id for pair in page.pairs]
        cursor = page.next_cursor
        if cursor is None:
            return page, ids


def test_versions_and_pages_of_what_changed(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "state", sheets_dir=tmp_path / "in")
    kept = SheetVersions(FileTrainingSheets([settings.sheets], threads=1), settings)
    with pytest.raises(NotFound, match="There is no training sheet 'desks'"):
        kept.list("desks")
    import_rows(tmp_path, rows(9), id="desks", status="labeled")
    assert kept.list("desks").versions == []
    with pytest.raises(NotFound) as nothing_kept:
        kept.diff("desks@000000000000", "desks", changes=(), page_size=1, cursor=None)
    assert nothing_kept.value.hint == "No earlier version of desks was kept."
    import_rows(tmp_path, rows(12), id="desks", status="labeled")
    import_rows(tmp_path, [*rows(12, answer="other"), *rows(13)[12:]], id="desks", status="labeled")
    newest, oldest = kept.list("desks").versions
    assert newest.kept_at >= oldest.kept_at

    page, ids = all_of(kept, oldest.name, "desks", 5)
    assert ids == [f"p-{number}" for number in range(13)]
    assert (page.total, page.counts[SheetChange.EDITED], page.counts[SheetChange.ADDED]) == (13, 9, 4)
    assert page.old.digest.startswith(oldest.name.partition("@")[2])
    assert all_of(kept, oldest.name, "desks", 1, changes=[SheetChange.ADDED])[1] == ["p-9", "p-10", "p-11", "p-12"]
    assert all_of(kept, oldest.name, newest.name, 50)[1] == ["p-9", "p-10", "p-11"]
    assert all_of(kept, "desks", "desks", 50)[0].total == 0

    first = kept.diff(oldest.name, "desks", changes=(), page_size=2, cursor=None)
    assert first.next_cursor is not None
    for old, changes in ((newest.name, ()), (oldest.name, [SheetChange.ADDED])):
        with pytest.raises(InvalidParameter):
            kept.diff(old, "desks", changes=changes, page_size=2, cursor=first.next_cursor)
    with pytest.raises(NotFound, match="There is no version") as unknown:
        kept.diff("desks", "desks@000000000000", changes=(), page_size=2, cursor=None)
    assert oldest.name in unknown.value.hint
    for nobody in ("none", "none@000000000000"):
        with pytest.raises(NotFound) as none:
            kept.diff("desks", nobody, changes=(), page_size=2, cursor=None)
        assert "desks" in none.value.hint


def test_what_is_kept_of_a_sheet_that_is_gone_can_still_be_listed(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "state", sheets_dir=tmp_path / "in")
    kept = SheetVersions(FileTrainingSheets([settings.sheets], threads=1), settings)
    import_rows(tmp_path, rows(1), id="desks", status="labeled")
    gone = import_rows(tmp_path, rows(2), id="desks", status="labeled")
    gone.head_file.unlink()
    assert len(kept.list("desks").versions) == 1


def test_every_change_has_a_meaning() -> None:
    assert list(MEANINGS) == list(SheetChange)
