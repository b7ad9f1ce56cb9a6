"""Whether the disk of a run was too full to train on, and how much room it takes to go on from the last checkpoint."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from training_pipeline.backends.local.run_directory import RunDirectory
from training_pipeline.infra.json_file import BrokenFile, read_json
from training_pipeline.infra.retry import RetryPolicy

#: What the training program calls that cause in its result.json.
DISK_FULL: Final = "DiskFull"
#: How long a run waits at least before it goes on: longer each time that there was room, and then not enough of it.
PAUSES: Final = RetryPolicy(first=1.0, longest=600.0)
#: A disk with less than this free, or less than a tenth of a small one, is full.
_MIB: Final = 2**20
_LEAST_BYTES: Final = 64 * _MIB


def was_full(run: RunDirectory) -> bool:
    """Whether the trainer that has ended says that the disk was full, or could not even say anything. Reads."""
    try:
        result = read_json(run.result)
    except BrokenFile:
        result = None
    if result is not None:
        return result.get("error_type") == DISK_FULL
    return free_bytes(run.path) < _least(run.path)


def needed_bytes(run: RunDirectory) -> int:
    """What must be free before the run goes on: room for two checkpoints like its largest one. Reads."""
    sizes = [
        sum(file.stat().st_size for file in checkpoint.rglob("*") if file.is_file())
        for checkpoint in (run.path / "checkpoints").glob("checkpoint-*")
    ]
    return max(_least(run.path), 2 * max(sizes, default=0))


def free_bytes(path: Path) -> int:
    """What is free on the disk of `path` for its user."""
    return shutil.disk_usage(path).free


def waits_for_room(run: RunDirectory) -> str:
    """Why the run waits, in words that stay the same while it does. Reads."""
    return (
        f"The disk that holds {run.path} is full. Free at least {max(1, needed_bytes(run) // _MIB)} MiB: "
        "the training continues from its last checkpoint automatically."
    )


def _least(path: Path) -> int:
    return min(_LEAST_BYTES, shutil.disk_usage(path).total // 10)
