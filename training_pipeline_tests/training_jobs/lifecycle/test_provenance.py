"""Five records of what a model was trained on, compared: every place where one may lie is found."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.domain.lineage import AssetRecord, BaseModelRecord, LineageRecord
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.testing.jobs.jobs import a_recipe, a_result
from training_pipeline.testing.sheets.pairs import open_sheet, pair
from training_pipeline.training_jobs.lifecycle.provenance import base_model_tags, disagreements, recipe_tags
from training_pipeline_tests.datasets.test_prepare import prepare

VERSIONS = {"source_sheet": "invoices@v7", "prompt_template": "triage@v2", "canonical_labels": "l" * 64}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetRef:
    return prepare(open_sheet([pair(number) for number in range(30)]), tmp_path_factory.mktemp("provenance"))


def records(dataset: DatasetRef) -> dict[str, Any]:
    """All five, saying the same."""
    versions = {
        **VERSIONS,
        "training_sheet": dataset.sheet_digest,
        "governed_pairs": dataset.snapshot_digest,
        "train_split": dataset.train_sha256,
        "validation_split": dataset.validation_sha256,
    }
    assets = {
        key: AssetRecord(partition="tj-1", run_id="r", storage_id=place, data_version=version)
        for place, (key, version) in enumerate(versions.items())
    }
    record = LineageRecord(
        job_id="tj-1",
        training_sheet_id="sheet-1",
        training_sheet_name="A sheet",
        training_sheet_digest=dataset.sheet_digest,
        sheet_id="invoices",
        sheet_name="Invoices",
        sheet_version="v7",
        template_id="triage",
        template_name="Triage",
        template_version="v2",
        gate_policy_version=dataset.policy.version,
        snapshot_digest=dataset.snapshot_digest,
        dataset_digest=dataset.digest,
        dataset_path=str(dataset.path),
        model_name="triage",
        assets=assets,
    )
    tags = {
        **VERSIONS,
        "sheet_digest": dataset.sheet_digest,
        "dataset_digest": dataset.digest,
        "base_model_ancestors": "not recorded",
        **dict.fromkeys(("chat_template", "tokenizer", "libraries", "configuration"), "not recorded"),
    }
    return {
        "record": record,
        "materialized": dict(assets),
        "inputs": {key: hashlib.sha256(version.encode()).hexdigest() for key, version in VERSIONS.items()},
        "dataset": dataset,
        "tags": {f"training_pipeline.{name}": value for name, value in tags.items()},
        "result": a_result(
            Path("/model"), train_sha256=dataset.train_sha256, validation_sha256=dataset.validation_sha256
        ),
        "config": {"epochs": 3, "learning_rate": 0.001, "timeout_minutes": 60},
    }


def found(given: dict[str, Any]) -> list[str]:
    return disagreements(given.pop("record"), **given)


def test_nothing_is_found_where_all_say_the_same(dataset: DatasetRef) -> None:
    assert found(records(dataset)) == []


@pytest.mark.parametrize("key", sorted(VERSIONS))
def test_a_version_that_dagster_read_or_mlflow_names_otherwise_is_found(dataset: DatasetRef, key: str) -> None:
    given = records(dataset)
    given["inputs"][key] = "0" * 64
    given["tags"][f"training_pipeline.{key}"] = "another@v1"
    said = found(given)
    assert len(said) == 2
    assert all(line.startswith(f"{key}:") for line in said)


def test_an_event_that_is_not_the_one_on_record_is_found(dataset: DatasetRef) -> None:
    given = records(dataset)
    later = given["materialized"]["train_split"].model_copy(update={"storage_id": 99})
    given["materialized"]["train_split"] = later
    assert any("Dagster's event log has event 99" in line for line in found(given))
    given = records(dataset)
    del given["materialized"]["source_sheet"]
    assert any("Dagster's event log has nothing" in line for line in found(given))


@pytest.mark.parametrize("name", ["train_sha256", "validation_sha256"])
def test_a_file_that_the_program_read_otherwise_is_found(dataset: DatasetRef, name: str) -> None:
    given = records(dataset)
    given["result"] = given["result"].model_copy(update={name: "0" * 64})
    assert [line.partition(":")[0] for line in found(given)] == [name.replace("sha256", "split")]
    given = records(dataset)
    given["result"] = given["result"].model_copy(update={name: None})  # a program of an earlier version
    assert found(given) == []


def test_another_base_model_is_found(dataset: DatasetRef) -> None:
    given = records(dataset)
    for base, tag in [
        (BaseModelRecord(reference="owner/model", revision="c0ffee"), "base_model_revision"),
        (BaseModelRecord(reference="/models/m", files={"model.safetensors": "0" * 64}), "base_model_digest"),
    ]:
        record = given["record"].model_copy(update={"base_model": base})
        tags = base_model_tags(record)
        assert list(tags) == [f"training_pipeline.{tag}", "training_pipeline.base_model_ancestors"]
        same = {**given, "record": record, "tags": {**given["tags"], **tags}}
        assert found(dict(same)) == []
        assert len(found({**same, "tags": given["tags"]})) == 1
        loaded = given["result"].model_copy(update={"base_model_revision": "decaf"})
        assert len(found({**same, "result": loaded})) == 1
        read = given["result"].model_copy(update={"base_model_files": base.files or {"config.json": "0" * 64}})
        assert len(found({**same, "result": read})) == (base.files is None)
        read = given["result"].model_copy(update={"base_model_files": {"model.safetensors": "1" * 64}})
        assert len(found({**same, "result": read})) == 1


def test_another_recipe_is_found(dataset: DatasetRef) -> None:
    given = records(dataset)
    record = given["record"].model_copy(update={"recipe": a_recipe()})
    same = {**given, "record": record, "tags": {**given["tags"], **recipe_tags(record)}}
    same["result"] = given["result"].model_copy(update={"recipe": a_recipe()})
    assert found(dict(same)) == []
    assert [line.partition(":")[0] for line in found({**same, "tags": given["tags"]})] == ["recipe"] * 4
    other = given["result"].model_copy(update={"recipe": a_recipe(libraries={"torch": "2.9.2"})})
    assert found({**same, "result": other}) == ["recipe: the lineage record says another one than the training program"]
    assert found({**same, "config": {**given["config"], "epochs": 4}}) == [
        "epochs: the job says 4, the training program used 3"
    ]


def test_another_dataset_or_a_missing_tag_is_found(dataset: DatasetRef) -> None:
    given = records(dataset)
    given["dataset"] = dataset.model_copy(update={"digest": "0" * 64, "path": Path("/elsewhere")})
    del given["tags"]["training_pipeline.sheet_digest"]
    said = "\n".join(found(given))
    assert "the stored dataset says" in said
    assert "MLflow says 'nothing'" in said
