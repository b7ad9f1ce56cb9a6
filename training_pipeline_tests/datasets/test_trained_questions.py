from __future__ import annotations

from pathlib import Path

import pytest

from training_pipeline.datasets.trained_questions import trained_questions
from training_pipeline.domain.hash_key import HashKey
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.rules.policy import OF_OTHER_QUESTIONS
from training_pipeline.testing.sheets.manifests import read_manifest
from training_pipeline.testing.sheets.pairs import pair
from training_pipeline_tests.datasets.test_split import made

KEY = HashKey("hk-0123456789abcdef", bytes(32))


@pytest.fixture
def dataset(tmp_path: Path) -> DatasetRef:
    return made([pair(number) for number in range(20)], tmp_path)


def asked(dataset: DatasetRef, key: HashKey | None = None) -> set[str] | None:
    found = trained_questions(dataset, key)
    return None if found is None else set(found.to_pylist())


def of_manifest(dataset: DatasetRef) -> set[str]:
    rows = read_manifest(dataset)
    return set(rows[rows["split"] == "train"]["prompt_hash"])


def test_the_manifest_has_them_and_a_key_leads_to_those_under_it(dataset: DatasetRef) -> None:
    expected = of_manifest(dataset)
    assert asked(dataset) == expected
    assert asked(dataset, KEY) == {KEY.of_questions(one) for one in expected}


@pytest.mark.parametrize("version", OF_OTHER_QUESTIONS)
def test_the_text_has_them_where_the_hashes_are_of_an_earlier_form(dataset: DatasetRef, version: str) -> None:
    before = dataset.model_copy(update={"policy": dataset.policy.model_copy(update={"version": version})})
    assert asked(before) == of_manifest(dataset)
    dataset.train_file.unlink()
    assert asked(before) is None


def test_the_text_has_them_where_the_hashes_are_under_another_key(dataset: DatasetRef) -> None:
    keyed = dataset.model_copy(update={"hash_key": "hk-fedcba9876543210"})
    assert asked(keyed) == of_manifest(dataset)
    assert asked(keyed, KEY) == {KEY.of_questions(one) for one in of_manifest(dataset)}
    dataset.train_file.write_text("{}", encoding="utf-8")
    assert asked(keyed) is None
