from __future__ import annotations

import os
from pathlib import Path

import pytest

from training_pipeline.backends.local import machine
from training_pipeline.backends.local.machine import this_machine


def test_processors_by_their_model(tmp_path: Path) -> None:
    cpu = tmp_path / "cpuinfo"
    cpu.write_text("processor\t: 0\nmodel name\t: Some  CPU @ 2 GHz\n")
    found = this_machine(cpu, tmp_path / "no-gpu")
    assert found.name.startswith(f"Some CPU @ 2 GHz, {os.cpu_count()} CPU")
    assert not found.gpu
    assert found.memory_bytes > 10**8
    assert this_machine(tmp_path / "missing", tmp_path / "no-gpu").name.startswith(os.uname().machine)


@pytest.mark.parametrize(
    ("said", "name", "memory"),
    [
        ("NVIDIA H200, 143771\\n", "NVIDIA H200", 143771),
        ("NVIDIA A10, 24564\\nNVIDIA A10, 24564\\n", "NVIDIA A10 + NVIDIA A10", 49128),
    ],
)
def test_gpus_as_their_driver_tells(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str, name: str, memory: int
) -> None:
    monkeypatch.setattr(machine, "_ASK_NVIDIA", ("printf", said))
    gpu = tmp_path / "nvidia0"
    gpu.touch()
    found = this_machine(tmp_path / "missing", gpu)
    assert (found.name, found.memory_bytes, found.gpu) == (name, memory << 20, True)


@pytest.mark.parametrize("asked", [("false",), ("printf", "no answer"), ("no-such-program",), ("true",)])
def test_a_driver_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: tuple[str, ...]) -> None:
    monkeypatch.setattr(machine, "_ASK_NVIDIA", asked)
    gpu = tmp_path / "nvidia0"
    gpu.touch()
    assert not this_machine(tmp_path / "missing", gpu).gpu
