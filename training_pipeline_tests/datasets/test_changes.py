"""What became of a training sheet since a model was trained on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from training_pipeline.datasets.changes import changes
from training_pipeline.datasets.store import read_manifest
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.retraining import Changes
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.testing.pairs import Row, chat, open_sheet, pair
from training_pipeline_tests.datasets.test_prepare import prepare

POLICY = GatePolicy()


def rows(count: int = 30) -> list[Row]:
    return [pair(number) for number in range(count)]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetRef:
    return prepare(open_sheet(rows()), tmp_path_factory.mktemp("changes"))


def now(dataset: DatasetRef, many: list[Row], **head: Any) -> Changes:
    return changes(open_sheet(many, digest="e" * 64, **head), dataset, POLICY)


def test_an_unchanged_sheet_is_not_judged_and_one_in_another_order_has_not_changed(dataset: DatasetRef) -> None:
    assert changes(open_sheet([]), dataset, POLICY) == Changes(eligible=30)
    assert now(dataset, rows()[::-1]) == Changes(eligible=30)


def test_every_kind_of_change_is_counted_once(dataset: DatasetRef) -> None:
    many = rows(33)
    many[0]["prohibited_uses"] = ["training"]
    many[1]["allowed_uses"] = []
    many[2]["status"] = "rejected"
    many[3]["messages"] = chat("Question 3?", "Edited.")
    many[31]["status"] = "unlabeled"
    del many[4]
    assert now(dataset, many) == Changes(
        added=2, removed=2, newly_prohibited=2, edited=1, eligible=28, prohibited_ids=("p000", "p001")
    ).model_copy(update={"prohibited_ids": tuple(sorted((many[0]["pair_id"], many[1]["pair_id"])))})


def test_a_pair_of_the_validation_split_that_may_not_validate_any_more_lost_its_permission(dataset: DatasetRef) -> None:
    manifest = read_manifest(dataset)
    validates = manifest[manifest["split"] == "validation"]["pair_id"].iloc[0]
    trains = manifest[manifest["split"] == "train"]["pair_id"].iloc[0]
    many = rows()
    for row in many:
        if row["pair_id"] in {validates, trains}:
            row["allowed_uses"] = ["training"]
    found = now(dataset, many)
    assert (found.newly_prohibited, found.prohibited_ids, found.total) == (1, (validates,), 1)


def test_a_copy_adds_nothing_and_takes_nothing_back(dataset: DatasetRef) -> None:
    copy = {**pair(0), "pair_id": "a copy that is kept, for it sorts first"}
    assert now(dataset, [*rows(), copy]).total == 0


def test_a_prohibited_copy_takes_the_permission_of_the_pair_it_copies(dataset: DatasetRef) -> None:
    copy = {**pair(0), "pair_id": "copy", "prohibited_uses": ["training"]}
    found = now(dataset, [*rows(), copy])
    assert (found.newly_prohibited, found.prohibited_ids) == (1, (pair(0)["pair_id"],))


def test_a_tag_on_the_source_table_prohibits_all(dataset: DatasetRef, tmp_path: Path) -> None:
    found = now(dataset, rows(), tags=("PHI",))
    assert (found.newly_prohibited, found.eligible, len(found.prohibited_ids)) == (30, 0, 20)
