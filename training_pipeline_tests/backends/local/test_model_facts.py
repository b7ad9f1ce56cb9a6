from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.backends.local.machine import Machine
from training_pipeline.backends.local.model_facts import model_facts, parameters_of
from training_pipeline.sft.config import BUILTIN_TINY, TinySize

MACHINE = Machine("a CPU, 2 CPUs", 8 * 10**9, gpu=False)


def weights(path: Path, **shapes: list[int]) -> None:
    header = {name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]} for name, shape in shapes.items()}
    content = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    path.write_bytes(struct.pack("<Q", len(content)) + content)


def folder(path: Path, config: Any, tokenizer: Any = None) -> Path:
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(json.dumps(config))
    if tokenizer is not None:
        (path / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    return path


def test_a_folder_says_what_its_files_say(tmp_path: Path) -> None:
    config = {"model_type": "qwen3", "hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 512}
    model = folder(tmp_path / "m", config | {"max_position_embeddings": 128}, {"chat_template": "{{ x }}"})
    weights(model / "model-1.safetensors", a=[3, 4], b=[5])
    weights(model / "model-2.safetensors", c=[2, 2, 2])
    found = model_facts(str(model), MACHINE)
    assert (found.family, found.hidden_size, found.layers, found.vocabulary) == ("qwen", 64, 2, 512)
    assert (found.parameters, found.context_length, found.chat) == (25, 128, True)
    assert (found.machine, found.memory_bytes, found.lean) == ("a CPU, 2 CPUs", 8 * 10**9, False)


def test_sizes_may_stand_under_the_text_model(tmp_path: Path) -> None:
    model = folder(tmp_path / "m", {"model_type": "gemma3", "text_config": {"hidden_size": 64}}, {})
    found = model_facts(str(model), MACHINE)
    assert (found.family, found.hidden_size, found.chat, found.parameters) == (None, 64, False, None)
    (model / "chat_template.jinja").write_text("x")
    assert model_facts(str(model), MACHINE).chat is True


def test_families_that_name_their_sizes_otherwise(tmp_path: Path) -> None:
    found = model_facts(str(folder(tmp_path / "m", {"n_embd": 64, "n_layer": 2, "n_positions": 128})), MACHINE)
    assert (found.hidden_size, found.layers, found.context_length) == (64, 2, 128)


@pytest.mark.parametrize("config", [[], {"hidden_size": "64", "vocab_size": True}, {"hidden_size": -1}])
def test_what_makes_no_sense_is_not_known(tmp_path: Path, config: Any) -> None:
    found = model_facts(str(folder(tmp_path / "m", config)), MACHINE)
    assert (found.hidden_size, found.vocabulary) == (None, None)


@pytest.mark.parametrize("beside", ["consolidated.safetensors", "consolidated.00.safetensors"])
def test_weights_that_are_there_twice_count_once(tmp_path: Path, beside: str) -> None:
    weights(tmp_path / "model-1-of-2.safetensors", a=[3, 4])
    weights(tmp_path / "model-2-of-2.safetensors", b=[5])
    weights(tmp_path / beside, a=[3, 4], b=[5])
    assert parameters_of(tmp_path) == 17
    weights(tmp_path / "of-another-format.safetensors", a=[3, 4], b=[5])
    index = {"weight_map": {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert parameters_of(tmp_path) == 17
    weights(tmp_path / "model.safetensors", a=[3, 4], b=[6])
    assert parameters_of(tmp_path) == 18


@pytest.mark.parametrize("index", ["[]", "{", '{"weight_map": {"a": "gone.safetensors"}}', '{"weight_map": [1]}'])
def test_an_index_that_makes_no_sense_tells_no_size(tmp_path: Path, index: str) -> None:
    weights(tmp_path / "part.safetensors", a=[3, 4])
    (tmp_path / "model.safetensors.index.json").write_text(index)
    assert parameters_of(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, struct.pack("<Q", 2) + b"[]", struct.pack("<Q", 99) + b"{}"])
def test_damaged_weights_have_no_size(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    assert parameters_of(tmp_path) is None


def test_a_model_of_the_hub_is_as_wide_as_its_copy_or_as_is_well_known(tmp_path: Path) -> None:
    for name in ("Qwen/Qwen3-8B", "qwen/qwen3-8b"):
        assert model_facts(name, MACHINE).hidden_size == 4096
    unknown = model_facts("someone/qwen-of-ours", MACHINE)
    assert (unknown.family, unknown.hidden_size) == ("qwen", None)
    copy = folder(tmp_path / "copy", {"model_type": "qwen3", "hidden_size": 1280})
    assert model_facts("Qwen/Qwen3-8B", MACHINE, copy).hidden_size == 1280


def test_other_models(tmp_path: Path) -> None:
    tiny = model_facts(BUILTIN_TINY, MACHINE)
    assert (tiny.from_scratch, tiny.parameters) == (True, TinySize().parameters)
    hub = model_facts("meta-llama/Llama-3.1-8B", MACHINE)
    assert (hub.family, hub.hidden_size, hub.chat) == ("llama", 4096, None)
    gone = model_facts(str(tmp_path / "gone"), MACHINE)
    assert (gone.parameters, gone.chat) == (None, None)
