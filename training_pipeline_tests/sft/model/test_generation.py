from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import GenerationConfig

from training_pipeline.sft.errors import TrainingFailed
from training_pipeline.sft.model.generation import generation_of, try_generation


def published(folder: Path, **values: Any) -> GenerationConfig:
    """A generation configuration as a base model comes with it."""
    folder.mkdir()
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 2, **values}))
    return GenerationConfig.from_pretrained(folder)


@pytest.mark.parametrize(
    "values",
    [
        {"temperature": 0.9, "top_p": 0.6},
        {"do_sample": False, "top_k": 20, "min_p": 0.1, "typical_p": 0.5, "epsilon_cutoff": 0.1, "eta_cutoff": 0.1},
        {"num_beams": 1, "early_stopping": True, "length_penalty": 2.0},
        {"early_stopping": True},
        {"pad_token_id": -1},
        {"use_cache": False, "cache_implementation": "static"},
        {"output_scores": True},
    ],
)
def test_what_its_mode_ignores_is_taken_away_so_that_it_can_be_saved(tmp_path: Path, values: dict[str, Any]) -> None:
    generation = published(tmp_path / "base", **values)
    assert generation_of(generation, "some/model", frozenset({2, 7})) == [2, 7]
    generation.save_pretrained(tmp_path / "model")
    saved = GenerationConfig.from_pretrained(tmp_path / "model")
    assert saved.eos_token_id == [2, 7]
    for name in values.keys() - {"do_sample", "num_beams", "use_cache"}:
        assert getattr(saved, name) in (None, False)


def test_what_its_mode_uses_is_kept(tmp_path: Path) -> None:
    values = {"do_sample": True, "temperature": 0.9, "top_p": 0.6, "num_beams": 4, "length_penalty": 2.0}
    generation = published(tmp_path / "base", **values)
    generation_of(generation, "some/model")
    generation.save_pretrained(tmp_path / "model")
    saved = GenerationConfig.from_pretrained(tmp_path / "model").to_dict()
    assert {name: saved[name] for name in values} == values


def test_what_can_never_be_used_is_refused_with_what_to_do(tmp_path: Path) -> None:
    values = {"forced_eos_token_id": 2, "suppress_tokens": [2]}
    generation = published(tmp_path / "loaded")
    for name, value in values.items():
        setattr(generation, name, value)
    refusal = "generation_config.json of base_model some/model .*forced_eos_token_id.*: correct it in a copy"
    with pytest.raises(TrainingFailed, match=refusal):
        generation_of(generation, "some/model")
    folder = tmp_path / "base"
    folder.mkdir()
    try_generation(folder, "some/model")
    (folder / "generation_config.json").write_text(json.dumps(values))
    with pytest.raises(TrainingFailed, match=refusal):
        try_generation(folder, "some/model")
