from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training_pipeline.datasets import sheet_rows
from training_pipeline.datasets.kept_files import keep_newest
from training_pipeline.datasets.sheet_rows import SheetRow, SheetRows
from training_pipeline.datasets.summary import export_summary
from training_pipeline.domain.errors import SheetChanged
from training_pipeline.domain.revocations import Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.sheets.base import OpenSheet
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet

POLICY = GatePolicy()


def pairs() -> list[dict[str, object]]:
    made = [{**row, "pair_id": f"p-{number}"} for number, row in enumerate(rows(30))]
    made[3] |= {"prohibited_uses": ["training"], "usage_reason": "contains PHI"}
    made[4] |= {"status": "rejected"}
    made[5] |= {"pair_id": "p-6"}  # which another one has
    made[7] |= {"pair_id": None}
    made[8] |= {"allowed_uses": None}
    made[9] |= {"messages": made[10]["messages"]}
    return made


@pytest.fixture
def judged(tmp_path: Path) -> tuple[SheetRows, str, dict[str, int]]:
    write_sheet(tmp_path / "sheets", "small", pairs())
    kept = SheetRows(tmp_path / "rows", POLICY)
    kept.judge(FileTrainingSheets([tmp_path / "sheets"]).open("small"))
    with FileTrainingSheets([tmp_path / "sheets"]).open("small") as opened:
        counts = {str(reason): count for reason, count in export_summary(opened, POLICY).excluded.items()}
        return kept, opened.digest, counts


def every(kept: SheetRows, digest: str, limit: int, **filters: Any) -> list[SheetRow]:
    found: list[SheetRow] = []
    after: int | None = 0
    while after is not None:
        page = kept.page("small", digest, after=after, limit=limit, **filters)
        assert len(page.rows) <= limit
        found.extend(page.rows)
        after = page.next_after
        total = page.total
    assert total == len(found)
    return found


def test_verdicts_are_those_of_the_summary_and_ids_sort_as_people_count(
    judged: tuple[SheetRows, str, dict[str, int]], tmp_path: Path
) -> None:
    kept, digest, counts = judged
    found = every(kept, digest, 7)
    assert len(found) == 30
    for reason, count in counts.items():
        assert len(every(kept, digest, 50, reason=reason)) == count, reason
    assert len(every(kept, digest, 50, reason="eligible")) == 30 - sum(counts.values())
    ids = [row.pair_id for row in found if row.pair_id is not None]
    assert ids == sorted(ids, key=lambda one: int(one.removeprefix("p-")))
    (row,) = every(kept, digest, 50, search="P-3 ".strip())[:1]
    assert (row.pair_id, row.reason, row.usage_reason) == ("p-3", "training_prohibited", "contains PHI")
    assert (row.allowed_uses, row.prohibited_uses, row.reviewed_by) == (
        ("training", "validation"),
        ("training",),
        "grace",
    )
    assert [row.pair_id for row in every(kept, digest, 50, status="rejected")] == ["p-4"]
    files = list((tmp_path / "rows").iterdir())
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600]
    assert b"queue" not in files[0].read_bytes()


def test_what_is_revoked_says_so_and_another_revocation_is_judged_anew(tmp_path: Path) -> None:
    made = pairs()
    made[20] |= {"item_ref": " item-20 "}
    write_sheet(tmp_path / "sheets", "small", made)
    kept = SheetRows(tmp_path / "rows", POLICY)
    # A pair by its id, one by its item, and one that is left out for another reason.
    withdrawn = Withdrawn(named=(("pair", "p-9"), ("item", "item-20"), ("pair", "p-4")))
    kept.judge(FileTrainingSheets([tmp_path / "sheets"]).open("small"), withdrawn)
    with FileTrainingSheets([tmp_path / "sheets"]).open("small") as opened:
        summary = export_summary(opened, POLICY, withdrawn=withdrawn)
        digest = opened.digest
    assert (kept.has("small", digest, withdrawn), kept.has("small", digest)) == (True, False)
    revoked = every(kept, digest, 50, withdrawn=withdrawn, reason="revoked")
    # The example of p-9 is that of p-10.
    assert [row.pair_id for row in revoked] == ["p-9", "p-10", "p-20"]
    assert len(revoked) == summary.excluded[Reason.REVOKED]
    assert len(every(kept, digest, 50, withdrawn=withdrawn, reason="eligible")) == summary.eligible
    assert [row.pair_id for row in every(kept, digest, 50, withdrawn=withdrawn, status="rejected")] == ["p-4"]
    among = every(kept, digest, 1, withdrawn=withdrawn, among=["p-9", "p-12", "p-30"], search="p-1")
    assert [row.pair_id for row in among] == ["p-12"]
    assert every(kept, digest, 5, withdrawn=withdrawn, among=[]) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(limit=st.integers(1, 31), search=st.sampled_from(["", "1", "item-00", "P-2", "none of them", "%", "'"]))
def test_no_row_is_skipped_or_repeated(judged: tuple[SheetRows, str, dict[str, int]], limit: int, search: str) -> None:
    kept, digest, _ = judged
    found = every(kept, digest, limit, search=search)
    assert len({row.number for row in found}) == len(found)
    assert found == sorted(found, key=lambda row: row.number)
    for row in found:
        assert any(search.lower() in (text or "").lower() for text in (row.pair_id, row.item_ref))


def test_two_processes_may_tidy_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        (tmp_path / f"{name}.json").touch()
    listed = list(tmp_path.glob("*.json"))
    (tmp_path / "b.json").unlink()  # by the other, after this one has listed it
    monkeypatch.setattr(Path, "glob", lambda _, pattern: iter(listed if pattern == "*.json" else []))
    keep_newest(tmp_path, "*.json", 1)
    assert len(list(tmp_path.iterdir())) == 1


def test_what_a_killed_process_left_is_removed_once_it_is_old(tmp_path: Path) -> None:
    left, made = tmp_path / ".s@1.parquet.7.8", tmp_path / ".s@2.parquet.7.9"
    for path in (left, made, tmp_path / "s@3.parquet"):
        path.touch()
    os.utime(left, (0, 0))
    keep_newest(tmp_path, "*.parquet", 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [made.name, "s@3.parquet"]


def test_nothing_is_kept_of_a_sheet_that_changes_while_it_is_judged(tmp_path: Path) -> None:
    write_sheet(tmp_path / "sheets", "small", pairs())
    kept, sheets = SheetRows(tmp_path / "rows", POLICY), FileTrainingSheets([tmp_path / "sheets"])

    @contextmanager
    def changing() -> Iterator[OpenSheet]:
        with sheets.open("small") as opened:
            yield opened
            write_sheet(tmp_path / "sheets", "small", rows(5))

    with pytest.raises(SheetChanged):
        kept.judge(changing())
    assert list((tmp_path / "rows").iterdir()) == []


def test_only_so_many_versions_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_rows, "MOST_KEPT", 1)
    kept = SheetRows(tmp_path / "rows", POLICY)
    digests = []
    for count in (11, 12):
        write_sheet(tmp_path / "sheets", "small", rows(count))
        sheets = FileTrainingSheets([tmp_path / "sheets"])
        digests.append(kept.judge(sheets.open("small")))
        assert kept.judge(sheets.open("small")) == digests[-1]
    assert [kept.has("small", digest) for digest in digests] == [False, True]
    with pytest.raises(FileNotFoundError):
        kept.page("small", digests[0])
