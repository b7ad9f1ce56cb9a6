"""A stored dataset is read back page by page, and damage is told by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from training_pipeline.datasets.store import is_whole, read_dataset, read_manifest, verify
from training_pipeline.domain.errors import NotFound, Unavailable
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.testing.pairs import open_sheet
from training_pipeline_tests.datasets.test_prepare import mixed, prepare


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> DatasetRef:
    return prepare(open_sheet(mixed()), tmp_path_factory.mktemp("whole"))


def test_pages_of_a_manifest_follow_each_other(whole: DatasetRef) -> None:
    first = read_manifest(whole, limit=40)
    second = read_manifest(whole, after=first["pair_id"].iloc[-1], limit=40)
    assert (len(first), len(second)) == (40, 31)
    ids = [*first["pair_id"], *second["pair_id"]]
    assert ids == sorted(set(ids))


def test_each_side_and_the_excluded_by_themselves(whole: DatasetRef) -> None:
    assert len(read_manifest(whole, split="train")) == whole.train_pairs
    assert len(read_manifest(whole, split="validation")) == whole.validation_pairs
    excluded = read_manifest(whole, split="excluded", after="p-000066")
    assert excluded["pair_id"].tolist() == ["p-000067", "p-000068", "p-000069", "p-000070"]
    assert excluded["reason"].notna().all()


def test_a_dataset_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no dataset"):
        read_dataset(tmp_path)
    assert not is_whole(tmp_path)


@pytest.mark.parametrize("name", ["train.jsonl", "validation.jsonl", "manifest.parquet", "dataset.json"])
def test_damage_is_found_in_every_file(tmp_path: Path, name: str) -> None:
    made = prepare(open_sheet(mixed()), tmp_path)
    assert is_whole(made.path)
    content = (made.path / name).read_bytes()
    (made.path / name).write_bytes(content[: len(content) // 2])
    assert not is_whole(made.path)
    if name != "dataset.json":
        with pytest.raises(Unavailable, match="damaged"):
            verify(made)


def test_a_head_that_names_other_content_is_damage(tmp_path: Path) -> None:
    made = prepare(open_sheet(mixed()), tmp_path)
    with pytest.raises(Unavailable, match=r"dataset\.json"):
        verify(made.model_copy(update={"digest": "0" * 64}))
