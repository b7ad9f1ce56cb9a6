"""How a program ends that failed on a full disk."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.sft.endings import fail
from training_pipeline.sft.errors import DISK_FULL, INTERRUPTED
from training_pipeline.sft.run_dir import RunDir


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_in_the_room_of_what_was_not_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    run = RunDir(tmp_path / "run")
    run.create()
    half_done = [run.path / name for name in (".reserve", ".model.tmp", ".best.safetensors.tmp")]
    half_done[1].mkdir()
    half_done.append(run.checkpoints / "checkpoint-3")
    half_done[-1].mkdir(parents=True)
    half_done[2].touch()
    full = OSError(number, os.strerror(number))
    synced = os.fsync

    def sync(descriptor: int) -> None:
        if any(path.exists() for path in half_done):
            raise full
        synced(descriptor)

    class Log(io.StringIO):
        def write(self, _: str) -> int:
            raise full

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(sys, "stderr", Log())
    assert fail(run, full) == INTERRUPTED
    result = json.loads(run.result.read_text())
    assert (result["status"], result["error_type"], result["recurs"]) == ("failed", DISK_FULL, False)
    assert json.loads(run.status.read_text())["phase"] == "failed"


def test_a_disk_that_stays_full_ends_the_program_as_one_that_may_be_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDir(tmp_path / "run")
    run.create()

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(os, "write", full)
    assert fail(run, OSError(errno.ENOSPC, "No space left on device")) == INTERRUPTED
