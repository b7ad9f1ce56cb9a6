"""A snapshot keeps verdicts and no text, once for equal verdicts."""

from __future__ import annotations

import random
import stat
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from training_pipeline.datasets.snapshot import included_rows, read_snapshot, snapshot
from training_pipeline.domain.errors import GateRefused
from training_pipeline.domain.refs import SnapshotRef
from training_pipeline.domain.revocations import Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.domain.training_sheet import SheetStatus
from training_pipeline.testing.sheets.pairs import Row, chat, open_sheet, pair

POLICY = GatePolicy()


def rows() -> list[Row]:
    made = [pair(number) for number in range(30)]
    made.append(pair(30, status="rejected", messages=chat("Secret question?", "Secret answer.")))
    made.append(pair(31, prohibited_uses=["training"], messages=chat("Forbidden question?", "Forbidden answer.")))
    # Rows that an order by pair id alone would leave in any order.
    made += [pair(32, item_ref=f"twice-{number}") for number in range(5)]
    return [*made, pair(33, pair_id=None), pair(34, pair_id=None, status="flagged")]


def taken(directory: Path, many: list[Row], **head: Any) -> SnapshotRef:
    return snapshot(open_sheet(many, **head), POLICY, directory=directory)


def test_shuffled_rows_give_the_same_snapshot(tmp_path: Path) -> None:
    shuffled = rows()
    random.Random(3).shuffle(shuffled)
    first, second = taken(tmp_path / "one", rows()), taken(tmp_path / "two", shuffled)
    assert first.digest == second.digest
    assert first.pairs_file.read_bytes() == second.pairs_file.read_bytes()


def test_it_is_stored_once_and_read_back(tmp_path: Path) -> None:
    made = taken(tmp_path, rows())
    written = made.pairs_file.stat().st_ino
    assert taken(tmp_path, rows()) == made == read_snapshot(made.path)
    assert made.pairs_file.stat().st_ino == written
    assert SnapshotRef.model_validate(made.model_dump(mode="json")) == made
    assert [path.name for path in tmp_path.iterdir()] == [made.digest]


def test_only_what_is_withdrawn_makes_another_snapshot(tmp_path: Path) -> None:
    opened = open_sheet(rows())
    made = snapshot(opened, POLICY, directory=tmp_path)
    unknown = Withdrawn(named=(("pair", "p-999999"),))
    assert snapshot(opened, POLICY, directory=tmp_path, withdrawn=unknown).digest == made.digest
    known = snapshot(opened, POLICY, directory=tmp_path, withdrawn=Withdrawn(named=(("pair", "p-000007"),)))
    assert known.digest != made.digest
    assert (known.summary.eligible, known.summary.excluded[Reason.REVOKED]) == (made.summary.eligible - 1, 1)
    assert "p-000007" not in included_rows(known, ["pair_id"])["pair_id"].to_pylist()


def test_a_damaged_snapshot_is_replaced(tmp_path: Path) -> None:
    made = taken(tmp_path, rows())
    whole = made.pairs_file.read_bytes()
    made.pairs_file.write_bytes(whole[:-100])
    taken(tmp_path, rows())
    assert made.pairs_file.read_bytes() == whole


def test_no_text_is_kept_and_nobody_else_reads_it(tmp_path: Path) -> None:
    made = taken(tmp_path, rows())
    for path in made.path.iterdir():
        assert b"Secret" not in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o700
    assert not any("question" in str(value).lower() for value in pq.read_table(made.pairs_file).to_pylist())


def test_another_verdict_text_policy_or_sheet_is_another_snapshot(tmp_path: Path) -> None:
    changed = rows()
    changed[3]["reviewed_by"] = "mallory"
    edited = rows()
    edited[3]["messages"][1]["content"] = "Edited."
    digests = {
        taken(tmp_path, rows()).digest,
        taken(tmp_path, changed).digest,
        taken(tmp_path, edited).digest,
        taken(tmp_path, rows(), id="other").digest,
        snapshot(open_sheet(rows()), GatePolicy(instruction_prompt_items=3), directory=tmp_path).digest,
    }
    assert len(digests) == 5


def test_included_pairs_come_in_the_order_of_their_ids(tmp_path: Path) -> None:
    shuffled = rows()
    random.Random(5).shuffle(shuffled)
    ids = included_rows(taken(tmp_path, shuffled), ["pair_id"])["pair_id"].to_pylist()
    assert ids == [f"p-{number:06d}" for number in range(30)]


@pytest.mark.parametrize("status", [SheetStatus.GENERATING, SheetStatus.REVIEW, SheetStatus.REJECTED])
def test_a_sheet_that_is_not_approved_is_refused(tmp_path: Path, status: SheetStatus) -> None:
    with pytest.raises(GateRefused, match=f"`{status}`"):
        taken(tmp_path, rows(), status=status)
    assert list(tmp_path.iterdir()) == []


def test_an_exported_sheet_may_be_trained_on(tmp_path: Path) -> None:
    assert taken(tmp_path, rows(), status=SheetStatus.EXPORTED).summary.eligible == 30
