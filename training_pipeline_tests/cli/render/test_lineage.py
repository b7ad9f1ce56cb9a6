"""The lineage record as a tree in a terminal."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from training_pipeline.cli.render.lineage import lineage_record
from training_pipeline.datasets.manifest_page import manifest_page
from training_pipeline.domain.lineage import BaseModelRecord, LineageRecord, ModelOrigin, TrainingRecipe
from training_pipeline.schemas.lineage import TrainingJobLineage
from training_pipeline.testing.jobs.jobs import a_recipe
from training_pipeline.testing.sheets.pairs import open_sheet, pair
from training_pipeline_tests.datasets.test_prepare import prepare

OURS = ModelOrigin(job_id="tj-2", model_name="main.ml.triage", model_version="7", base_model="/models/first")
OLD = ModelOrigin(job_id="tj-1", model_name="first", base_model="owner/model", base_recorded=False)


@pytest.mark.parametrize(
    ("base", "said", "not_said"),
    [
        (None, ["base model  not recorded"], []),
        (BaseModelRecord(reference="owner/model"), ["base model  owner/model", "which comes from  not recorded"], []),
        (
            BaseModelRecord(reference="owner/model", revision="c0ffee", resolved_at="creation", licence="mit"),
            ["base model  owner/model  c0ffee", "commit found at  creation", "licence  mit"],
            [],
        ),
        (
            BaseModelRecord(reference="in-a-volume", listing="e" * 64),
            ["names, sizes and times of its files  eeeeeeeeeeee"],
            [],
        ),
        (BaseModelRecord(reference="builtin:tiny", ancestors=()), ["base model  builtin:tiny"], ["not recorded"]),
        (
            BaseModelRecord(reference="/models/second", ancestors=(OURS, OLD)),
            [
                "base model  /models/second",
                "which is  main.ml.triage  version 7, of tj-2",
                "trained from  /models/first",
                "which is  first  not registered, of tj-1",
                "trained from  owner/model  not recorded",
            ],
            [],
        ),
    ],
)
def test_where_the_base_model_came_from(
    tmp_path: Path, base: BaseModelRecord | None, said: list[str], not_said: list[str]
) -> None:
    shown = rendered(tmp_path, base_model=base)
    lines = iter(shown.splitlines())
    assert all(any(words in line for line in lines) for words in said), shown
    assert not [words for words in not_said if words in shown]


@pytest.mark.parametrize(
    ("recipe", "files", "said"),
    [
        (None, None, ["recipe  recorded once it is trained"]),
        (None, {"model.safetensors": "0" * 64}, ["recipe  not recorded"]),
        (
            a_recipe(),
            {"model.safetensors": "0" * 64},
            [
                "chat template  its own chat template  cccccccccccc",
                "tokenizer  dddddddddddd",
                "libraries  python 3.11.9, torch 2.9.1",
                "trained on  cpu",
                "first day  2026-11-23",
                "learning_rate  0.001",
            ],
        ),
    ],
)
def test_what_it_takes_to_repeat_the_training(
    tmp_path: Path, recipe: TrainingRecipe | None, files: dict[str, str] | None, said: list[str]
) -> None:
    shown = rendered(tmp_path, base_model=None, recipe=recipe, model_files=files)
    assert [words for words in said if words not in shown] == [], shown


def rendered(tmp_path: Path, **values: Any) -> str:
    dataset = prepare(open_sheet([pair(number) for number in range(20)]), tmp_path)
    texts = dict.fromkeys(
        (name for name in LineageRecord.model_fields if name not in {"assets", "model_files", "recipe"}), "x"
    )
    record = LineageRecord.model_validate({**texts, **values})
    page = manifest_page(dataset, "included", start=0, limit=1, search="")
    found = TrainingJobLineage.of(record, dataset, page, None)
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(lineage_record(found))
    return console.export_text()
