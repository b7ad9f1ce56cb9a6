from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.domain.training_sheet import SheetStatus
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.sheets.files.versions import VERSION, versions
from training_pipeline.sheets.importing import importer
from training_pipeline.testing.sheets.imports import import_rows, pairs_of, request_for

#: As the folder of a writer of the sheet `s` is called.
LEFT = f".s.writing-{'0a' * 16}"


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
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_csv_of_somebody_that_all_may_read_is_kept_for_its_owner(tmp_path: Path) -> None:
    import_rows(tmp_path, rows(3), status="labeled")
    ours = tmp_path / "in" / "s.csv"
    ours.write_text("pair_id,item_ref,status,allowed_uses,question,answer\n1,1,labeled,training,q,a\n")
    ours.chmod(0o644)
    head = tmp_path / "in" / "s.yaml"
    head.write_text("\n".join(line for line in head.read_text().splitlines() if not line.startswith("pairs_file")))
    next(head.parent.glob("s@*.parquet")).unlink()
    import_rows(tmp_path, rows(2), status="labeled")
    ((_, folder),) = versions([tmp_path / "in"], "s")
    assert (count(folder), ours.exists()) == (1, False)
    assert stat.S_IMODE((folder / "s.csv").stat().st_mode) == 0o600


@pytest.mark.parametrize("keep", [True, False])
def test_what_a_killed_import_left_is_gone_after_the_next(tmp_path: Path, keep: bool) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    import_rows(tmp_path, rows(3), status="labeled")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(importer, "left_over", kill)
        with pytest.raises(Killed):
            import_rows(tmp_path, rows(4), status="labeled")
    assert (count(tmp_path / "in"), len(list((tmp_path / "in").glob("s@*")))) == (4, 2)
    assert [count(folder) for _, folder in versions([tmp_path / "in"], "s")] == [3]  # it was kept before
    (tmp_path / "in" / LEFT).mkdir()
    request = request_for(tmp_path / "rows.jsonl", status="labeled")
    importer.import_sheet(request, tmp_path / "in", overwrite=True, keep=keep)
    assert len(list((tmp_path / "in").glob("s@*"))) == 1
    assert not (tmp_path / "in" / LEFT).exists()


@pytest.mark.parametrize("name", ["/etc", "../s", "*", "s/..", ""])
def test_a_name_that_is_none_has_no_versions(tmp_path: Path, name: str) -> None:
    for number in (1, 2):
        import_rows(tmp_path, rows(number), status="labeled")
    assert versions([tmp_path / "in", tmp_path / "nowhere"], name) == []


def test_what_is_no_sheet_leaves_no_version(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "s.yaml").write_text("name: broken")
    import_rows(tmp_path, rows(3), status="labeled")
    assert versions([tmp_path / "in"], "s") == []
