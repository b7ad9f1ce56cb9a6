"""A stored dataset is read back, and damage is told by name."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from training_pipeline.datasets import store
from training_pipeline.datasets.store import every, is_whole, read_dataset, verify
from training_pipeline.domain.errors import Lost, NotFound, Unavailable
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.testing.sheets.manifests import read_manifest
from training_pipeline.testing.sheets.pairs import open_sheet
from training_pipeline_tests.datasets.test_prepare import mixed, prepare


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> DatasetRef:
    return prepare(open_sheet(mixed()), tmp_path_factory.mktemp("whole"))


def test_a_manifest_has_a_row_for_every_pair_in_the_order_of_the_ids(whole: DatasetRef) -> None:
    manifest = read_manifest(whole)
    ids = manifest["pair_id"].tolist()
    assert len(ids) == 71
    assert ids == sorted(set(ids))
    sides = manifest["split"].value_counts()
    assert (sides["train"], sides["validation"]) == (whole.train_pairs, whole.validation_pairs)
    excluded = manifest[manifest["split"].isna()]
    assert excluded["pair_id"].tolist()[-4:] == ["p-000067", "p-000068", "p-000069", "p-000070"]
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


def test_what_is_gone_is_lost_and_what_is_out_of_reach_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = prepare(open_sheet(mixed()), tmp_path)
    made.train_file.unlink()
    with pytest.raises(Lost, match="is gone"):
        verify(made)

    def fails(path: Path) -> str:
        raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr(store, "sha256", fails)
    with pytest.raises(Unavailable, match="cannot be read now") as raised:
        verify(made)
    assert not raised.value.recurs
    assert not is_whole(made.path)


def test_a_head_that_cannot_be_read_keeps_no_other_dataset_from_being_listed(tmp_path: Path) -> None:
    made = prepare(open_sheet(mixed()), tmp_path)
    broken = made.path.parent / "broken"
    broken.mkdir()
    (broken / "dataset.json").write_text("{")
    assert every(broken.parent) == ([made], [broken])
