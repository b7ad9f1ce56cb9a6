from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.datasets.validation_overlap import validation_overlap
from training_pipeline.domain.comparable import Overlap
from training_pipeline.domain.errors import Unavailable
from training_pipeline.testing.used_rows import dataset_of, row

SPLITS = st.lists(st.sampled_from(["train", "validation", "unlabeled"]), min_size=6, max_size=6)


@settings(max_examples=8)
@given(st.lists(SPLITS, min_size=2, max_size=4))
def test_rows_are_counted_as_sets_say(tmp_path_factory: pytest.TempPathFactory, splits: list[list[str]]) -> None:
    root = tmp_path_factory.mktemp("datasets")
    datasets = [dataset_of(root, "s", [row(f"p-{n}", side) for n, side in enumerate(sides)]) for sides in splits]
    sets = [{n for n, side in enumerate(sides) if side == "validation"} for sides in splits]
    assert validation_overlap(datasets) == Overlap(len(set.intersection(*sets)), len(set.union(*sets)))


def test_the_text_counts_and_not_the_id(tmp_path: Path) -> None:
    first = dataset_of(tmp_path, "s", [row("p-1", "validation", row_hash="a" * 64)])
    renamed = dataset_of(tmp_path, "s", [row("p-2", "validation", row_hash="a" * 64)])
    edited = dataset_of(tmp_path, "s", [row("p-1", "validation", row_hash="b" * 64)])
    assert validation_overlap([first, renamed]) == Overlap(1, 1)
    assert validation_overlap([first, edited]) == Overlap(0, 2)
    assert validation_overlap([first, first]) == Overlap(1, 1)


def test_a_manifest_that_is_gone_is_named(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, "s", [row("p-1", "validation")])
    other = dataset_of(tmp_path, "s", [row("p-2", "validation")])
    dataset.manifest_file.unlink()
    with pytest.raises(Unavailable, match=dataset.digest):
        validation_overlap([dataset, other])
