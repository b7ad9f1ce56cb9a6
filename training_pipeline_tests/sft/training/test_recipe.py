from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from training_pipeline.sft.config import parse
from training_pipeline.sft.training import recipe as recipe_module
from training_pipeline.sft.training.recipe import libraries, recipe
from training_pipeline.testing.trainers.trainer_runs import Run


def test_a_recipe_is_what_it_takes_to_repeat_a_training(run: Run, tiny_tokenizer: Any) -> None:
    config = parse(run.config | {"base_model": "/models/m", "base_model_files": {"model.safetensors": "0" * 64}})
    found = recipe(
        config,
        tiny_tokenizer,
        chat_template="{{ messages }}",
        chat_template_source="its own chat template",
        precision="fp32",
        first_day="2026-11-23",
        libraries={"torch": "2.9.1"},
    )
    assert json.loads(json.dumps(found)) == found
    assert found["chat_template_sha256"] == hashlib.sha256(b"{{ messages }}").hexdigest()
    assert found["libraries"] == {"torch": "2.9.1"}
    settings = found["configuration"]
    assert settings["epochs"] == config.epochs
    assert settings["precision"] == "fp32"
    # Where a training ran is not how: another folder is the same recipe, and files have digests of their own.
    assert not [name for name in settings if name.endswith(("_dir", "_file", "_files", "_sha256")) or name == "tiny"]
    assert str(run.run_dir) not in json.dumps(found)


def test_the_size_of_the_built_in_model_belongs_to_the_recipe(run: Run, tiny_tokenizer: Any) -> None:
    given: dict[str, Any] = {
        "chat_template": "",
        "chat_template_source": "",
        "precision": "fp32",
        "first_day": "",
        "libraries": {},
    }
    assert recipe(parse(run.config), tiny_tokenizer, **given)["configuration"]["tiny"]["layers"] >= 1


def test_a_resume_with_other_versions_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    first = libraries({})
    assert {"python", "torch", "transformers", "tokenizers", "trl", "peft"} <= set(first)
    assert libraries(first) == first
    monkeypatch.setattr(recipe_module, "version", lambda _: "9.9")
    second = libraries(first)
    assert second["torch"] == f"{first['torch']}, then 9.9"
    assert second["python"] == first["python"]
    assert libraries(second) == second
    monkeypatch.undo()
    assert libraries(second)["torch"] == f"{first['torch']}, then 9.9, then {first['torch']}"
