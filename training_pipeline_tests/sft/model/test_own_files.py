from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import AutoConfig

from training_pipeline.sft.errors import TrainingFailed
from training_pipeline.sft.model.own_files import refuse_files_elsewhere


def index(folder: Path, place: str) -> None:
    weights = {"model.norm.weight": place, "lm_head.weight": "model-2.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weights}))


def config(folder: Path, place: str) -> None:
    told = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**told, "transformers_weights": place}))


def adapter(folder: Path, place: str) -> None:
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": place}))


@pytest.mark.parametrize("where", [index, config])
@pytest.mark.parametrize("place", ["../secret/model.safetensors", "/secret/model.safetensors", ".w.safetensors", "a/b"])
def test_weights_that_no_digest_of_the_folder_has_are_not_loaded(
    tiny_folder: Path, tmp_path: Path, where: Callable[[Path, str], None], place: str
) -> None:
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    where(folder, place)
    with pytest.raises(TrainingFailed, match="no plain name of a file in its folder") as refused:
        refuse_files_elsewhere("M", str(folder), AutoConfig.from_pretrained(folder), local_files_only=True)
    assert refused.value.code == "base_model_reaches_out"
    index(folder, "model-1.safetensors")
    config(folder, "model.safetensors.index.json")
    refuse_files_elsewhere("M", str(folder), AutoConfig.from_pretrained(folder), local_files_only=True)


@pytest.mark.parametrize("where", [index, adapter])
def test_a_model_of_the_hub_names_no_file_of_this_machine(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: Callable[[Path, str], None]
) -> None:
    commit = "a" * 40
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "models--owner--model" / "snapshots" / commit))
    told = AutoConfig.from_pretrained(folder)
    refuse_files_elsewhere("owner/model", "owner/model", told, revision=commit)
    where(folder, "/secret/model.safetensors")
    with pytest.raises(TrainingFailed, match=r"/secret/model.safetensors|merge the two"):
        refuse_files_elsewhere("owner/model", "owner/model", told, revision=commit)


def test_an_adapter_is_refused_for_it_names_another_model(tiny_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    adapter(folder, "/secret")
    with pytest.raises(TrainingFailed, match="merge the two"):
        refuse_files_elsewhere("M", str(folder), AutoConfig.from_pretrained(folder), local_files_only=True)


@pytest.mark.parametrize("broken", ["[", "[]", '{"weight_map": 1}', "[" * 5000])
def test_an_index_that_cannot_be_read_names_nothing(tiny_folder: Path, tmp_path: Path, broken: str) -> None:
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    (folder / "model.safetensors.index.json").write_text(broken)
    refuse_files_elsewhere("M", str(folder), AutoConfig.from_pretrained(folder), local_files_only=True)
