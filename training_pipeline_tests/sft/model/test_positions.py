from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from training_pipeline.sft.errors import TrainingFailed
from training_pipeline.sft.model.positions import positions, refuse_too_long, refuse_too_long_for


@pytest.mark.parametrize(
    ("config", "known"),
    [
        ({"max_position_embeddings": 512}, 512),
        ({"n_positions": 512}, 512),
        ({"max_seq_len": 512}, 512),
        ({"seq_length": 512}, 512),
        ({"text_config": {"n_positions": 512}}, 512),
        ({"max_position_embeddings": -1, "n_positions": True, "seq_length": "512", "text_config": None}, None),
        ({}, None),
    ],
)
def test_a_model_may_name_its_positions_otherwise(config: dict[str, Any], known: int | None) -> None:
    assert positions(config) == known


@pytest.mark.parametrize("family", ["gpt2", "gptj", "codegen", "mpt", "dbrx", "llama", "qwen3"])
def test_what_transformers_loads_says_the_same(family: str) -> None:
    config: Any = CONFIG_MAPPING[family]()
    assert positions(config.to_dict()) == positions(json.loads(config.to_json_string(use_diff=False)))
    assert positions(config.to_dict()) == getattr(config, "max_position_embeddings", 2048)


def test_examples_that_could_be_longer_are_refused(tmp_path: Path) -> None:
    refuse_too_long("some/model", {"n_positions": 512}, 512)
    with pytest.raises(TrainingFailed, match="max_length 513 is more than the 512 positions that base_model some"):
        refuse_too_long("some/model", {"n_positions": 512}, 513)
    refuse_too_long_for("some/model", tmp_path, 513)
    (tmp_path / "config.json").write_text('{"n_positions": 512}')
    with pytest.raises(TrainingFailed, match="max_length 513"):
        refuse_too_long_for("some/model", tmp_path, 513)
