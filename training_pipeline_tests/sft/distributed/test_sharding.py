"""What several processes do with their parts of a model, seen in a group of one and, whole, in one of two."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from transformers import AutoModelForCausalLM

from training_pipeline.sft.distributed import sharding
from training_pipeline.sft.distributed.sharding import FilledBatches
from training_pipeline.sft.errors import TrainingFailed
from training_pipeline.sft.training import checkpoints
from training_pipeline.sft.training.by_length import ByLength

_PROGRAM = """
import os, sys
from pathlib import Path
import torch
from training_pipeline.sft.distributed import ranks, sharding
from training_pipeline.sft.config import parse
from training_pipeline.sft.errors import TrainingFailed
from training_pipeline.sft.model.base_model import load
from training_pipeline.sft.run_dir import RunDir
from torch.distributed.tensor import DTensor
from transformers import AutoModelForCausalLM

together = ranks.join(Path(sys.argv[2]), dict(os.environ))
folder = sys.argv[1]
alone = AutoModelForCausalLM.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, **sharding.options(together.count))
sharding.require_sharded(model, 2)
assert all(isinstance(weight, DTensor) for weight in model.parameters())
local = sum(weight.to_local().numel() for weight in model.parameters())
assert local < 0.6 * sum(weight.numel() for weight in alone.parameters()), local
ids = torch.arange(3, 40)[None]
with torch.no_grad():
    assert torch.allclose(model(ids).logits, alone(ids).logits, atol=1e-5)
for (name, weight), expected in zip(sharding.named_weights(model), alone.parameters(), strict=True):
    assert torch.equal(sharding.whole(weight.data), expected), name
for never_divided in (alone, torch.nn.parallel.DistributedDataParallel(alone)):
    try:
        sharding.require_sharded(never_divided, 2)
    except TrainingFailed:
        continue
    raise AssertionError("it was not divided")
assert together.total(1.0) == [2.0]
assert together.from_first(lambda: together.rank) == 0
try:
    together.from_first(lambda: 1 / 0)
except (ZeroDivisionError, ranks.OtherFailed) as error:
    assert isinstance(error, ZeroDivisionError) == together.first
os.write(1, b"divided ")
torch.distributed.destroy_process_group()
"""


@pytest.mark.nightly
def test_a_model_is_divided_between_two_processes(tiny_folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "two.py"
    script.write_text(_PROGRAM)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launcher, str(script), str(tiny_folder), str(tmp_path / "meeting")],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "divided divided "


@pytest.fixture
def group(tmp_path: Path) -> Iterator[None]:
    dist.init_process_group("gloo", init_method=(tmp_path / "meeting").as_uri(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.fixture
def model(tiny_folder: Path, group: None) -> Any:
    """A model that `fully_shard` divides among the processes of a group, which here is one."""
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_folder)
    for module in (*model.model.layers, model):
        fully_shard(module)
    return model


def test_a_model_that_is_whole_is_refused(model: Any, tiny_folder: Path) -> None:
    sharding.require_sharded(model, 1)
    with pytest.raises(TrainingFailed, match=r"divided among 2 processes and was not \(\d+ of \d+ weights"):
        sharding.require_sharded(model, 2)  # of another number of processes
    whole = AutoModelForCausalLM.from_pretrained(tiny_folder)
    with pytest.raises(TrainingFailed, match=r"model\.embed_tokens\.weight, .* more"):
        sharding.require_sharded(whole, 1)
    optimizer = torch.optim.AdamW(whole.parameters())
    with pytest.raises(TrainingFailed, match="was to be divided"):  # of weights from before it was divided
        sharding.require_sharded(model, 1, optimizer)
    sharding.require_sharded(model, 1, torch.optim.AdamW(model.parameters()))


def test_weights_after_a_forward_pass_are_parts_again(model: Any) -> None:
    with torch.no_grad():
        model(torch.arange(3, 20)[None])
    assert not all(isinstance(weight, DTensor) for weight in model.parameters())  # what this is about
    assert all(isinstance(weight, DTensor) for _, weight in sharding.named_weights(model))


def test_weights_and_best_weights_go_out_whole_and_come_back_as_parts(model: Any, tmp_path: Path) -> None:
    before = checkpoints.trained_weights(model)
    assert not any(isinstance(weight, DTensor) for weight in before.values())
    checkpoints.save_best(tmp_path / "no", model, {}, writes=False)
    assert not (tmp_path / "no").exists()
    checkpoints.save_best(tmp_path / "best", model, {"step": 3})
    (tmp_path / "checkpoint").mkdir()
    save_file(before, tmp_path / "checkpoint" / "model.safetensors")
    ways: dict[str, Callable[[Path, Any], None]] = {
        "best": checkpoints.load_best,
        "checkpoint": sharding.load_weights,
    }
    for place, come_back in ways.items():
        with torch.no_grad():
            model(torch.arange(3, 20)[None])
            for _, weight in sharding.named_weights(model):
                weight.zero_()
        come_back(tmp_path / place, model)
        for name, weight in checkpoints.trained_weights(model).items():
            assert torch.equal(weight, before[name]), name
    before.pop("model.norm.weight")
    save_file(before, tmp_path / "checkpoint" / "model.safetensors")
    with pytest.raises(KeyError, match=r"model\.norm"):
        sharding.load_weights(tmp_path / "checkpoint", model)


def test_an_optimizer_of_parts_goes_on_from_the_state_of_one_process(model: Any, tiny_folder: Path) -> None:
    alone: Any = AutoModelForCausalLM.from_pretrained(tiny_folder)
    ids = torch.arange(3, 20)[None]
    optimizers = [torch.optim.AdamW(one.parameters(), lr=1e-2) for one in (alone, model)]

    def step(one: Any, optimizer: Any) -> None:
        one(ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    step(alone, optimizers[0])
    with torch.no_grad():
        for (_, weight), expected in zip(sharding.named_weights(model), alone.parameters(), strict=True):
            sharding.put(expected.data, weight.data)
    optimizers[1].load_state_dict(sharding.divided_state(optimizers[1], copy.deepcopy(optimizers[0].state_dict())))
    step(alone, optimizers[0])
    step(model, optimizers[1])
    for name, weight in checkpoints.trained_weights(model).items():
        assert torch.allclose(weight, dict(alone.named_parameters())[name], atol=1e-6), name
    found, expected = sharding.whole_state(optimizers[1]), optimizers[0].state_dict()
    assert found["param_groups"] == expected["param_groups"]
    for number, facts in expected["state"].items():
        for key, value in facts.items():
            assert torch.allclose(found["state"][number][key], value, atol=1e-6)


@given(st.integers(1, 60), st.integers(1, 12), st.integers(0, 3), st.integers(0, 5))
def test_batches_are_those_of_one_process_and_filled_up(examples: int, batch: int, more: int, epoch: int) -> None:
    room = batch + more
    lengths = [place % 7 for place in range(examples)]
    sampler = FilledBatches(ByLength(lengths, seed=3, batch=batch), batch=batch, room=room)
    alone = FilledBatches(ByLength(lengths, seed=3, batch=batch), batch=batch, room=batch)
    for one in (sampler, alone):
        one.set_epoch(epoch)
    order, expected = list(sampler), [place for place in alone if place != examples]
    assert len(order) == len(sampler)
    assert len(order) % room == 0
    assert sorted(expected) == list(range(examples))
    batches = [order[start : start + room] for start in range(0, len(order), room)]
    assert [[place for place in one if place != examples] for one in batches] == [
        expected[start : start + batch] for start in range(0, examples, batch)
    ]


def test_rows_are_filled_up_with_what_teaches_nothing() -> None:
    rows = Dataset.from_dict({"input_ids": [[1, 2]] * 5, "labels": [[-100, 2]] * 5})
    filled = sharding.filled(rows, 5, 9)
    assert len(filled) == 10
    assert filled[:5] == rows[:5]
    assert filled[5] == {"input_ids": [9], "labels": [-100]}
