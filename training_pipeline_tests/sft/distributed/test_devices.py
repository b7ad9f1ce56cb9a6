from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from training_pipeline.sft.config import parse
from training_pipeline.sft.distributed import devices
from training_pipeline.sft.distributed.devices import SHARE, chosen, processes, state_bytes
from training_pipeline.sft.errors import TrainingFailed
from training_pipeline.testing.trainers.trainer_runs import Run

GB = 10**9


@pytest.mark.parametrize(
    ("sharding", "gpus", "needed", "count"),
    [
        ("auto", 8, 81, 8),
        ("auto", 8, SHARE * 80, 1),
        ("auto", 8, SHARE * 80 + 1, 8),
        ("auto", 1, 81, 1),
        ("auto", 0, 81, 1),
        ("always", 2, 1, 2),
        ("never", 8, 81, 1),
    ],
)
def test_a_model_is_divided_where_one_gpu_does_not_hold_it(sharding: str, gpus: int, needed: float, count: int) -> None:
    assert chosen(sharding, gpus, int(needed * GB), 80 * GB) == count


@pytest.mark.parametrize("gpus", [0, 1])
def test_what_cannot_be_divided_is_not_trained_whole(gpus: int) -> None:
    with pytest.raises(TrainingFailed, match=f"sharding is always.* this machine has {gpus}"):
        chosen("always", gpus, 1, 80 * GB)


def test_what_training_keeps_in_memory(run: Run) -> None:
    def needed(**settings: Any) -> int:
        return state_bytes(parse(run.config | settings), 8 * GB)

    assert needed() == 128 * GB
    assert needed(method="lora", precision="bf16") == 16 * GB
    assert needed(method="lora", precision="fp32") == 32 * GB


def test_the_number_is_that_of_the_machine(run: Run, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")  # whatever a variable says
    assert processes(parse(run.config)) == 1  # this machine has none
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert processes(parse(run.config | {"sharding": "always"})) == 2
    assert processes(parse(run.config)) == 1  # the built-in model fits anywhere

    class Small:
        total_memory = 300_000

    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: Small())
    config = parse(run.config | {"base_model": str(tiny_folder)})
    assert devices._parameters(config) == 22_624
    assert processes(config) == 2
    assert processes(parse(run.config | {"base_model": "/nowhere"})) == 1  # loading it says what is wrong
