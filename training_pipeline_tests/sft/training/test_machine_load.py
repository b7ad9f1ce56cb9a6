"""Samples of the machine: whole, numbered on, never many, and never a reason for a training to fail."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from training_pipeline.backends.metric_point import SYSTEM
from training_pipeline.sft.run_dir import Progress
from training_pipeline.sft.training import machine_load
from training_pipeline.sft.training.machine_load import PREFIX, MachineLoad, folder_bytes, measuring_load, pause
from training_pipeline.training_jobs.store.machine_samples import SAMPLED

WEEK = 7 * 86_400


def samples(path: Path) -> dict[int, dict[str, float]]:
    found: dict[int, dict[str, float]] = {}
    for line in path.read_text().splitlines():
        point = json.loads(line)
        found.setdefault(point["step"], {})[point["name"].removeprefix(PREFIX)] = point["value"]
    return found


def sampled(path: Path, least: int) -> dict[int, dict[str, float]]:
    """What is measured until there are so many samples more than before."""
    progress = Progress(path)
    before = path.read_bytes().count(b"cpu_percent")
    with measuring_load(progress, path.parent):
        deadline = time.monotonic() + 20
        while path.read_bytes().count(b"disk_available") < before // 2 + least and time.monotonic() < deadline:
            time.sleep(0.01)
    progress.close()
    return samples(path)


def test_they_become_rarer_and_stay_few() -> None:
    at, number = 0.0, 0
    while at < WEEK:
        assert pause(number) <= pause(number + 1)
        at += pause(number)
        number += 1
    assert number < 3_000
    assert [pause(0), pause(360)] == [2.0, 2.0]


def test_a_sample_is_whole_and_numbers_go_on_after_a_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_load, "FIRST_PAUSE", 0.01)
    path = tmp_path / "progress.jsonl"
    first = sampled(path, 2)
    then = sampled(path, 2)
    assert list(then) == list(range(len(then)))
    assert len(then) >= len(first) + 2
    for number, sample in then.items():
        assert sample == first.get(number, sample)
        assert 0 <= sample["cpu_percent"] <= 100
        assert sample["training_cpu_percent"] <= 110  # clocks of processes are coarse
        assert 50 < sample["training_memory_mb"] < 100_000
        assert sample["disk_available_mb"] > 0
        assert "gpu_percent" not in sample


def test_a_training_that_computes_is_seen_to(tmp_path: Path) -> None:
    load = MachineLoad(tmp_path)
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass
    assert load.sample()["training_cpu_percent"] > 1


def test_the_gpu_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error: Exception = ModuleNotFoundError("pynvml does not seem to be installed.")

    def utilization() -> int:
        raise error

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (3 << 30, 4 << 30))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 1 << 30)
    monkeypatch.setattr(torch.cuda, "utilization", utilization)
    found = MachineLoad(tmp_path).sample()
    assert (found["gpu_memory_available_mb"], found["training_gpu_memory_mb"]) == (3072, 1024)
    assert "gpu_percent" not in found
    error = NVMLError("Not Supported")  # as of a slice of a GPU
    assert "gpu_percent" not in MachineLoad(tmp_path).sample()
    monkeypatch.setattr(torch.cuda, "utilization", lambda: 97)
    whole = MachineLoad(tmp_path).sample()
    assert whole["gpu_percent"] == 97
    # What is measured is what is stored.
    assert (set(whole), PREFIX) == (set(SAMPLED), SYSTEM)


def test_what_a_run_has_on_disk(tmp_path: Path) -> None:
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    (tmp_path / "one").write_bytes(b"x" * 10)
    (tmp_path / "deep" / "deeper" / "two").write_bytes(b"x" * 5)
    (tmp_path / "dangling").symlink_to("/nowhere")
    assert folder_bytes(tmp_path) == 15 + len("/nowhere")
    assert folder_bytes(tmp_path / "none") == 0


class NVMLError(Exception):
    """As the library for Nvidia's GPUs raises it."""


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), RuntimeError("CUDA error"), NVMLError("Not Supported")]
)
def test_what_cannot_be_measured_is_left_out(error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_load, "FIRST_PAUSE", 0.01)
    tried = threading.Event()

    def broken(_: MachineLoad) -> Any:
        tried.set()
        raise error

    monkeypatch.setattr(MachineLoad, "sample", broken)
    progress = Progress(tmp_path / "progress.jsonl")
    with measuring_load(progress, tmp_path):
        assert tried.wait(120)
        progress.add("train_loss", 1, 2.0, epoch=None, tokens=None)
    progress.close()
    assert (tmp_path / "progress.jsonl").read_bytes().count(b"\n") == 1
