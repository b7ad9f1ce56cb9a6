from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.datasets.diff import reader
from training_pipeline.datasets.validation_overlap import validation_overlap
from training_pipeline.domain.comparable import Overlap
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.testing.models.used_rows import dataset_of, row

SPLITS = st.lists(st.sampled_from(["train", "validation", "unlabeled"]), min_size=6, max_size=6)


def overlap(datasets: Sequence[DatasetRef]) -> Overlap:
    with reader() as engine:
        return validation_overlap(engine, datasets)


@settings(max_examples=8)
@given(st.lists(SPLITS, min_size=2, max_size=4))
def test_rows_are_counted_as_sets_say(tmp_path_factory: pytest.TempPathFactory, splits: list[list[str]]) -> None:
    root = tmp_path_factory.mktemp("datasets")
    datasets = [dataset_of(root, "s", [row(f"p-{n}", side) for n, side in enumerate(sides)]) for sides in splits]
    sets = [{n for n, side in enumerate(sides) if side == "validation"} for sides in splits]
    assert overlap(datasets) == Overlap(len(set.intersection(*sets)), len(set.union(*sets)))


def test_the_text_counts_and_not_the_id(tmp_path: Path) -> None:
    first = dataset_of(tmp_path, "s", [row("p-1", "validation", row_hash="a" * 64)])
    renamed = dataset_of(tmp_path, "s", [row("p-2", "validation", row_hash="a" * 64)])
    edited = dataset_of(tmp_path, "s", [row("p-1", "validation", row_hash="b" * 64)])
    assert overlap([first, renamed]) == Overlap(1, 1)
    assert overlap([first, edited]) == Overlap(0, 2)
    assert overlap([first, first]) == Overlap(1, 1)


def test_a_manifest_that_is_gone_is_named(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, "s", [row("p-1", "validation")])
    other = dataset_of(tmp_path, "s", [row("p-2", "validation")])
    dataset.manifest_file.unlink()
    with pytest.raises(Unavailable, match=dataset.digest):
        overlap([dataset, other])
