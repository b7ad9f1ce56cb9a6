"""Five records say what a model was trained on: Dagster's event log, our lineage row, the dataset, MLflow's tags and
the training program's result.

They are written at different moments by different hands. Before a job succeeds they are compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from training_pipeline.backends.results import TrainingResult
from training_pipeline.domain.lineage import AssetRecord, LineageRecord, base_model_facts, recipe_facts, version_of
from training_pipeline.domain.refs import DatasetRef


def disagreements(
    record: LineageRecord,
    *,
    materialized: Mapping[str, AssetRecord],
    inputs: Mapping[str, str],
    dataset: DatasetRef,
    tags: Mapping[str, str],
    result: TrainingResult,
    config: Mapping[str, Any],
) -> list[str]:
    """Every place where two of the five differ, in words; nothing where all say the same.

    `materialized` is what Dagster's event log has for each asset in the job's partition, `inputs` the versions that it
    recorded as those the training sheet was read with, `tags` those of the MLflow run, `result`
    what the training program says it read and how it trained, `config` how the job was to be trained. What a program or
    a record of an earlier version does not say is left out.
    """
    return [
        *event_disagreements(record, materialized=materialized, inputs=inputs, dataset=dataset),
        *tag_disagreements(record, tags),
        *_told(
            [
                ("dataset", record.dataset_digest, "the stored dataset", dataset.digest),
                ("gate policy", record.gate_policy_version, "the stored dataset", dataset.policy.version),
            ]
        ),
        *(
            f"{what}: the lineage record says {ours!r}, the training program read {theirs!r}"
            for what, ours, theirs in _read(record, dataset, result)
            if ours != theirs
        ),
        *_of_recipe(record, result, config),
    ]


def event_disagreements(
    record: LineageRecord,
    *,
    materialized: Mapping[str, AssetRecord],
    inputs: Mapping[str, str],
    dataset: DatasetRef,
) -> list[str]:
    """Where Dagster's event log says something else than the lineage record, in words."""
    return [*_of_events(record, materialized), *_told(_event_facts(record, materialized, inputs, dataset))]


def tag_disagreements(record: LineageRecord, tags: Mapping[str, str]) -> list[str]:
    """Where the tags of the MLflow run say something else than the lineage record, in words."""
    return _told(_tag_facts(record, tags))


def source_version(record: LineageRecord) -> str:
    """The source sheet that the questions were asked about, with its version."""
    return version_of(record.sheet_id, record.sheet_version)


def template_version(record: LineageRecord) -> str:
    """The prompt template that made them, with its version."""
    return version_of(record.template_id, record.template_version)


def labels_version(record: LineageRecord) -> str:
    """The version of the canonical labels that the job really used."""
    labels = record.assets.get("canonical_labels")
    return labels.data_version if labels is not None else ""


def base_model_tags(record: LineageRecord) -> dict[str, str]:
    """The tags that say what exactly the base model was, of what is known, and where it came from."""
    return {_tag(name): value for name, value in base_model_facts(record.base_model).items()}


def recipe_tags(record: LineageRecord) -> dict[str, str]:
    """The tags that say what the training was made with."""
    return {_tag(name): value for name, value in recipe_facts(record.recipe).items()}


def _of_recipe(record: LineageRecord, result: TrainingResult, config: Mapping[str, Any]) -> Iterator[str]:
    if record.recipe != result.recipe:
        yield "recipe: the lineage record says another one than the training program"
    used = record.recipe.configuration if record.recipe else {}
    for name in sorted(used.keys() & config.keys()):
        if used[name] != config[name]:
            yield f"{name}: the job says {config[name]!r}, the training program used {used[name]!r}"


def _of_events(record: LineageRecord, materialized: Mapping[str, AssetRecord]) -> Iterator[str]:
    for key in sorted(record.assets.keys() | materialized.keys()):
        ours, theirs = record.assets.get(key), materialized.get(key)
        if ours != theirs:
            yield f"{key}: the lineage record names {_event(ours)}, Dagster's event log has {_event(theirs)}"


def _event(found: AssetRecord | None) -> str:
    return "nothing" if found is None else f"event {found.storage_id} with version {found.data_version[:24]!r}"


#: What is compared: what, what the lineage record says, where else it stands, what it says there.
_Fact = tuple[str, str, str, str]


def _told(facts: Iterable[_Fact]) -> list[str]:
    return [
        f"{what}: the lineage record says {ours!r}, {where} says {theirs!r}"
        for what, ours, where, theirs in facts
        if ours != theirs
    ]


def _sources(record: LineageRecord) -> dict[str, str]:
    return {
        "source_sheet": source_version(record),
        "prompt_template": template_version(record),
        "canonical_labels": labels_version(record),
    }


def _event_facts(
    record: LineageRecord, materialized: Mapping[str, AssetRecord], inputs: Mapping[str, str], dataset: DatasetRef
) -> Iterator[_Fact]:
    sources = _sources(record)
    for key, version in sources.items():
        # Of partitioned inputs Dagster records a hash of the version.
        hashed = hashlib.sha256(version.encode()).hexdigest()
        yield key, hashed, "the version that Dagster recorded as read", inputs.get(key, "nothing")
    ours = {
        "source_sheet": sources["source_sheet"],
        "prompt_template": sources["prompt_template"],
        "training_sheet": record.training_sheet_digest,
        "governed_pairs": record.snapshot_digest,
        "train_split": dataset.train_sha256,
        "validation_split": dataset.validation_sha256,
    }
    for key, version in ours.items():
        found = materialized.get(key)
        yield key, version, "Dagster", "nothing" if found is None else found.data_version


def _tag_facts(record: LineageRecord, tags: Mapping[str, str]) -> Iterator[_Fact]:
    for key, version in _sources(record).items():
        yield key, version, "MLflow", tags.get(_tag(key), "nothing")
    yield "training_sheet", record.training_sheet_digest, "MLflow", tags.get(_tag("sheet_digest"), "nothing")
    yield "dataset", record.dataset_digest, "MLflow", tags.get(_tag("dataset_digest"), "nothing")
    for tag, version in base_model_tags(record).items():
        yield "base_model", version, "MLflow", tags.get(tag, "nothing")
    for tag, version in recipe_tags(record).items():
        yield "recipe", version, "MLflow", tags.get(tag, "nothing")


def _read(
    record: LineageRecord, dataset: DatasetRef, result: TrainingResult
) -> Iterator[tuple[str, str | None, str | None]]:
    """What is compared with the training program's result, where that says it."""
    base = record.base_model
    files = result.base_model_files
    read = base.model_copy(update={"files": files}) if base is not None and files is not None else None
    facts = {
        "train_split": (dataset.train_sha256, result.train_sha256),
        "validation_split": (dataset.validation_sha256, result.validation_sha256),
        "base_model": (base.revision if base else None, result.base_model_revision if base else None),
        "base_model_files": (base.digest if base else None, read.digest if read else None),
    }
    yield from ((what, ours, theirs) for what, (ours, theirs) in facts.items() if theirs is not None)


def _tag(name: str) -> str:
    return f"training_pipeline.{name}"
