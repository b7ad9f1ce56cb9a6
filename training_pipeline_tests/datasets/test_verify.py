"""A dataset looked at once more: each promise, kept and broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training_pipeline.datasets.prepare import write_dataset
from training_pipeline.datasets.snapshot import snapshot
from training_pipeline.datasets.split import split_snapshot
from training_pipeline.datasets.verify import Finding, gate_failures, held_out_in_train, torn_ties
from training_pipeline.domain.refs import DatasetRef, SnapshotRef
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.testing.sheets.pairs import Row, chat, open_sheet, pair

POLICY = GatePolicy()


def rows() -> list[Row]:
    return [pair(number) for number in range(30)]


@pytest.fixture
def taken(tmp_path: Path) -> SnapshotRef:
    return snapshot(open_sheet(rows()), POLICY, directory=tmp_path / "snapshots")


@pytest.fixture
def dataset(taken: SnapshotRef, tmp_path: Path) -> DatasetRef:
    plan = split_snapshot(open_sheet(rows()), taken, ratio=0.8, seed="s", min_pairs=10)
    return write_dataset(open_sheet(rows()), taken, plan, root=tmp_path / "datasets")


def test_a_sound_dataset_keeps_every_promise(taken: SnapshotRef, dataset: DatasetRef) -> None:
    assert gate_failures(open_sheet(rows()), taken) == Finding(checked=30, broken=0)
    assert torn_ties(taken, dataset).broken == 0
    assert held_out_in_train(open_sheet(rows()), taken) == Finding(checked=30, broken=0)


@pytest.mark.parametrize(
    "change",
    [
        {"status": "pending"},
        {"status": None},
        {"allowed_uses": ["validation"]},
        {"allowed_uses": None},
        {"prohibited_uses": ["Training "]},
        {"prohibited_uses": None},
        {"label_allowed_uses": []},
        {"label_prohibited_uses": ["training"]},
    ],
)
def test_an_included_pair_that_the_source_does_not_allow_is_found(taken: SnapshotRef, change: Row) -> None:
    many = rows()
    many[7].update(change)
    found = gate_failures(open_sheet(many), taken)
    assert (found.broken, found.pair_ids) == (1, (many[7]["pair_id"],))


def test_a_pair_that_is_gone_and_a_tag_that_prohibits_all_are_found(taken: SnapshotRef) -> None:
    assert gate_failures(open_sheet(rows()[1:]), taken).broken == 1
    assert gate_failures(open_sheet(rows(), tags=("phi",)), taken).broken == 30


@pytest.mark.parametrize("status", ["edited", " Approved "])
def test_review_words_count_as_approved(taken: SnapshotRef, status: str) -> None:
    many = [{**row, "status": status} for row in rows()]
    assert gate_failures(open_sheet(many), taken).broken == 0


def broken_manifest(dataset: DatasetRef, **columns: Any) -> DatasetRef:
    table = pq.read_table(dataset.manifest_file)
    for name, value in columns.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(
            place, table.schema.field(name), pa.array([value] * len(table), table.field(name).type)
        )
    dataset.manifest_file.chmod(0o600)
    pq.write_table(table, dataset.manifest_file)
    return dataset


@pytest.mark.parametrize("column", ["item_ref", "canonical_label_id", "component"])
def test_what_stands_on_both_sides_of_the_split_is_found(taken: SnapshotRef, dataset: DatasetRef, column: str) -> None:
    value = 1 if column == "component" else "the same everywhere"
    assert torn_ties(taken, broken_manifest(dataset, **{column: value})).broken == 1


def test_a_held_out_question_among_the_included_is_found(taken: SnapshotRef) -> None:
    held_out = pair(99, messages=chat("Question 3?", "Another answer."), allowed_uses=["testing"])
    found = held_out_in_train(open_sheet([*rows(), held_out]), taken)
    assert (found.broken, found.pair_ids) == (1, (pair(3)["pair_id"],))
