from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.backends.databricks_models import DatabricksModels, OfferedModel
from training_pipeline.domain.errors import FieldProblem, InvalidRequest


def test_the_familiar_names_are_on_offer_with_what_holds_them() -> None:
    offers = {offer.id: offer for offer in DatabricksModels().offers()}
    small, large = (offers[f"databricks-meta-llama-3-1-{size}b-instruct"] for size in (8, 70))
    assert small.default
    assert [offer.id for offer in offers.values() if offer.default] == [small.id]
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


def test_a_broken_file_names_everything_that_is_wrong(tmp_path: Path) -> None:
    file = written(tmp_path, {"id": "x", "source": "not a source", "description": "d", "licens": "MIT"})
    with pytest.raises(InvalidRequest) as raised:
        DatabricksModels(file)
    assert str(file) in raised.value.message
    assert {problem.pointer for problem in raised.value.problems} == {"/0/source", "/0/licens"}
    file.write_text("{")
    with pytest.raises(InvalidRequest, match="not JSON"):
        DatabricksModels(file)
    with pytest.raises(InvalidRequest, match="cannot be read"):
        DatabricksModels(tmp_path / "nowhere.json")
