"""What a training takes of its machine: processors, memory, GPU and disk, measured beside it, ever more rarely."""

from __future__ import annotations

import math
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psutil
import torch

from ..run_dir import Progress

#: What their names begin with, as MLflow's own system metrics do: its pages show them apart from the curves.
PREFIX: Final = "system/"
#: Seconds between two samples at first.
FIRST_PAUSE: Final = 2.0
#: So many samples are taken with that pause; then each is longer than the one before. Twice the time has about 250
#: samples more: fewer than 3,000 are taken in a week.
_EVENLY: Final = 360
_MIB: Final = 1 << 20


def pause(number: int) -> float:
    """Seconds from a sample to the next one."""
    return FIRST_PAUSE * math.exp(max(0, number - _EVENLY) / _EVENLY)


@contextmanager
def measuring_load(progress: Progress, run: Path) -> Iterator[None]:
    """While this lasts, a thread adds a sample now and then; one that cannot be taken or written is left out."""
    over = threading.Event()
    # Numbered on after those of an earlier process; counted here, before the thread and the training both add points.
    number = 1 + max((step for name, step in progress.reached.items() if name.startswith(PREFIX)), default=-1)
    arguments = (run, progress, over.wait, number)
    thread = threading.Thread(target=_watch, args=arguments, name="machine-load", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _watch(run: Path, progress: Progress, wait: Callable[[float], bool], number: int) -> None:
    """Add samples from this number on until `wait` says that it is over."""
    load: MachineLoad | None = None
    while True:
        # A full disk or a broken GPU is told by the training, which cannot do without it. Drivers raise what they like.
        with suppress(Exception):
            load = load or MachineLoad(run)
            for name, value in load.sample().items():
                progress.add(PREFIX + name, number, value, epoch=None, tokens=None)
        if wait(pause(number)):
            return
        number += 1


class MachineLoad:
    """The load of this machine, and the part of it that this process is."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._process = psutil.Process()
        self._cores = psutil.cpu_count() or 1
        # The first of these answers 0: they tell what was used since they were asked last.
        psutil.cpu_percent()
        self._process.cpu_percent()

    def sample(self) -> dict[str, float]:
        """The figures that can be had, by name. Memory and disk in MB, processors in percent of all of them. Reads."""
        memory, disk = psutil.virtual_memory(), shutil.disk_usage(self._run)
        return {
            "cpu_percent": psutil.cpu_percent(),
            "training_cpu_percent": self._process.cpu_percent() / self._cores,
            "memory_available_mb": memory.available / _MIB,
            "training_memory_mb": self._process.memory_info().rss / _MIB,
            "disk_available_mb": disk.free / _MIB,
            "training_disk_mb": folder_bytes(self._run) / _MIB,
            **_gpu(),
        }


def folder_bytes(folder: Path) -> int:
    """The bytes of all files in a folder; of what vanishes meanwhile nothing. Reads."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(root, name)).st_size  # noqa: PTH118 - a path object for each would cost more
    return total


def _gpu() -> dict[str, float]:
    """The GPU that trains; nothing where there is none. Its utilization only where nvidia-ml-py is installed."""
    if not torch.cuda.is_available():
        return {}
    free, _ = torch.cuda.mem_get_info()
    found = {"gpu_memory_available_mb": free / _MIB, "training_gpu_memory_mb": torch.cuda.memory_reserved() / _MIB}
    with suppress(Exception):  # NVMLError is no error of Python's: a slice of a GPU (MIG) has no utilization
        found["gpu_percent"] = float(torch.cuda.utilization())
    return found
