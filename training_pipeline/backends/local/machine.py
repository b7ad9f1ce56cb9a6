"""The machine that trains, as estimates and advice know it: what it computes with, and its memory. Without torch."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import psutil

_CPU: Final = Path("/proc/cpuinfo")
_NVIDIA: Final = Path("/dev/nvidia0")
_ASK_NVIDIA: Final = ("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
_SECONDS: Final = 5.0
_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Machine:
    """What trainings compute on. Two machines with one name are equally fast, as far as can be told from outside."""

    name: str
    memory_bytes: int
    gpu: bool


@cache
def this_machine(cpu: Path = _CPU, gpu: Path = _NVIDIA) -> Machine:
    """This machine: its GPUs where it has some and their driver answers, else its processors. Asks once."""
    return (_gpus() if gpu.exists() else None) or _processors(cpu)


def _gpus() -> Machine | None:
    try:
        asked = subprocess.run(_ASK_NVIDIA, capture_output=True, text=True, timeout=_SECONDS, check=True)
        found = [line.rsplit(",", 1) for line in asked.stdout.splitlines() if line.strip()]
        memory = sum(int(megabytes) for _, megabytes in found) * _MIB
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    names = sorted(name.strip() for name, _ in found)
    return Machine(" + ".join(names), memory, gpu=True) if names else None


def _processors(cpu: Path) -> Machine:
    try:
        said = re.search(r"^model name\s*:\s*(.+)$", cpu.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    except OSError:
        said = None
    count = os.cpu_count() or 1
    name = " ".join(said[1].split()) if said else os.uname().machine
    return Machine(f"{name}, {count} CPU{'' if count == 1 else 's'}", psutil.virtual_memory().total, gpu=False)
