from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.databricks.base_models import BUNDLED, TOKEN_SETTING, DatabricksModels, OfferedModel, _read
from training_pipeline.domain.errors import FieldProblem, InvalidRequest

#: Of each model's config.json: sizes of the hidden and of the feed-forward layer, layers, heads, heads of keys and
#: values, size of a head, vocabulary, whether input and output share embeddings, whether queries and keys have norms.
SHAPES = {
    "databricks-meta-llama-3-1-8b-instruct": (4096, 14336, 32, 32, 8, 128, 128256, False, False),
    "databricks-meta-llama-3-1-70b-instruct": (8192, 28672, 80, 64, 8, 128, 128256, False, False),
    "llama-3-2-3b-instruct": (3072, 8192, 28, 24, 8, 128, 128256, True, False),
    "qwen3-4b-instruct": (2560, 9728, 36, 32, 8, 128, 151936, True, True),
    "qwen3-8b": (4096, 12288, 36, 32, 8, 128, 151936, False, True),
    "qwen3-32b": (5120, 25600, 64, 64, 8, 128, 151936, False, True),
    "mistral-7b-instruct-v0-3": (4096, 14336, 32, 32, 8, 128, 32768, False, False),
    "phi-4": (5120, 17920, 40, 40, 10, 128, 100352, False, False),
    "smollm3-3b": (2048, 11008, 36, 16, 4, 128, 128256, True, False),
}


def weights(
    hidden: int, wide: int, layers: int, heads: int, pairs: int, size: int, words: int, tied: bool, norms: bool
) -> int:
    """The weights of a decoder with grouped queries, gated feed-forward layers and no biases."""
    attention = 2 * hidden * heads * size + 2 * hidden * pairs * size + 2 * size * norms
    return layers * (attention + 3 * hidden * wide + 2 * hidden) + hidden + words * hidden * (1 if tied else 2)


def test_the_number_of_parameters_is_what_the_shape_of_the_model_gives() -> None:
    counted = {offer.id: offer.parameters for offer in DatabricksModels().offers() if offer.id != "builtin:tiny"}
    assert counted == {name: weights(*shape) for name, shape in SHAPES.items()}


def test_what_advice_rests_on_is_the_shape_of_the_model() -> None:
    models = DatabricksModels(has_token=True)
    for name, shape in SHAPES.items():
        model = models.choose(name)
        assert isinstance(model, OfferedModel)
        known = model.facts
        assert (known.hidden_size, known.layers, known.vocabulary) == (shape[0], shape[2], shape[6])
        assert (known.chat, known.parameters) == (True, weights(*shape))
    own = OfferedModel(id="ours", source="Qwen/Qwen3-14B", description="ours")
    assert (own.facts.family, own.facts.hidden_size, own.facts.chat) == ("qwen", 5120, None)
    assert (own.facts.layers, own.facts.vocabulary, own.facts.parameters) == (40, 151_936, 14_768_307_200)
    set_otherwise = own.model_copy(update={"layers": 20})
    assert (set_otherwise.facts.layers, set_otherwise.facts.hidden_size) == (20, 5120)
    built_in = models.choose("builtin:tiny")
    assert isinstance(built_in, OfferedModel)
    assert built_in.facts.from_scratch


def test_the_familiar_names_are_on_offer_with_what_holds_them() -> None:
    offers = {offer.id: offer for offer in DatabricksModels().offers()}
    small, large = (offers[f"databricks-meta-llama-3-1-{size}b-instruct"] for size in (8, 70))
    assert [offer.id for offer in offers.values() if offer.default] == ["qwen3-8b"]
    assert "GPU_1xH100" in small.accelerators
    assert "GPU_1xA10" not in small.accelerators
    assert large.accelerators == ("GPU_8xH100", "GPU_8xB300")
    for offer in offers.values():
        assert offer.licence
        assert offer.accelerators, f"nothing holds {offer.id}"


def test_full_fine_tuning_needs_more() -> None:
    model = DatabricksModels().choose("qwen3-8b")
    assert isinstance(model, OfferedModel)
    assert set(model.accelerators("full")) < set(model.accelerators("lora"))


def test_a_model_is_found_by_name_and_by_source() -> None:
    models = DatabricksModels()
    by_name, by_source = models.choose("phi-4"), models.choose("microsoft/phi-4")
    assert by_name == by_source
    assert isinstance(by_name, OfferedModel)


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("meta-llama-3-1-8b-instruct", "databricks-meta-llama-3-1-8b-instruct"),
        ("Qwen3-8B-instruct", "qwen3-8b"),
        ("phi4", "phi-4"),
    ],
)
def test_an_unknown_name_is_told_with_the_near_ones(asked: str, near: str) -> None:
    problem = DatabricksModels().choose(asked)
    assert isinstance(problem, FieldProblem)
    assert near in problem.message.partition("On offer")[0]


def written(path: Path, *entries: dict[str, Any]) -> Path:
    file = path / "models.json"
    file.write_text(json.dumps(entries))
    return file


def test_an_installation_adds_models_of_its_own_and_replaces_others(tmp_path: Path) -> None:
    own = {
        "id": "ours",
        "source": "/Volumes/main/models/base/ours-7b",
        "description": "Ours",
        "parameters": 7_000_000_000,
        "default": True,
    }
    cheaper = {"id": "phi-4", "source": "me/phi-4-pruned", "description": "Pruned", "parameters": 1_000_000_000}
    models = DatabricksModels(written(tmp_path, own, cheaper))
    default, replaced = models.choose(None), models.choose("phi-4")
    assert isinstance(default, OfferedModel)
    assert default.id == "ours"
    assert isinstance(replaced, OfferedModel)
    assert replaced.source == "me/phi-4-pruned"
    assert [offer.id for offer in models.offers() if offer.default] == ["ours"]


def test_the_default_is_a_model_that_needs_nobodys_permission() -> None:
    model = DatabricksModels().choose(None)
    assert isinstance(model, OfferedModel)
    assert not model.gated


@pytest.mark.parametrize("gated", [model.id for model in _read(BUNDLED) if model.gated])
def test_a_model_that_needs_a_permission_needs_a_token(gated: str) -> None:
    refused = DatabricksModels().choose(gated)
    assert isinstance(refused, FieldProblem)
    for remedy in (TOKEN_SETTING, "TRAINING_PIPELINE_DATABRICKS_MODELS_FILE", "qwen3-8b"):
        assert remedy in refused.message
    assert "llama" not in refused.message.partition("choose one")[2]
    assert isinstance(DatabricksModels(has_token=True).choose(gated), OfferedModel)


def test_a_default_that_needs_a_permission_is_refused_with_the_way_out(tmp_path: Path) -> None:
    own = {"id": "own", "source": "meta-llama/Llama-3.2-1B-Instruct", "description": "1B", "gated": True}
    file = written(tmp_path, {**own, "default": True})
    with pytest.raises(InvalidRequest, match=TOKEN_SETTING) as raised:
        DatabricksModels(file)
    assert "own" in raised.value.message
    assert isinstance(DatabricksModels(file, has_token=True).choose(None), OfferedModel)
    copied = written(tmp_path, {**own, "default": True, "source": "/Volumes/main/ml/base/llama"})
    assert DatabricksModels(copied).choose(None) == DatabricksModels(copied).choose("own")


def test_an_entry_that_replaces_the_default_stays_the_default(tmp_path: Path) -> None:
    file = written(tmp_path, {"id": "qwen3-8b", "source": "/Volumes/main/ml/base/qwen", "description": "Our copy"})
    model = DatabricksModels(file).choose(None)
    assert isinstance(model, OfferedModel)
    assert model.source == "/Volumes/main/ml/base/qwen"


def test_a_broken_file_names_everything_that_is_wrong(tmp_path: Path) -> None:
    file = written(tmp_path, {"id": "x", "source": "not a source", "description": "d", "licens": "MIT"})
    with pytest.raises(InvalidRequest) as raised:
        DatabricksModels(file)
    assert str(file) in raised.value.message
    assert {problem.pointer for problem in raised.value.problems} == {"/0/source", "/0/licens"}
    file.write_text("{")
    with pytest.raises(InvalidRequest, match="not JSON"):
        DatabricksModels(file)
    file.write_text("[" * 100_000)
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        DatabricksModels(file)
    with pytest.raises(InvalidRequest, match="cannot be read"):
        DatabricksModels(tmp_path / "nowhere.json")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidRequest, match="named pipe"):
        DatabricksModels(tmp_path / "pipe")
