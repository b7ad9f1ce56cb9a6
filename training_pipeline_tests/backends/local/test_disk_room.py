from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from training_pipeline.backends.local.disk_room import needed_bytes, waits_for_room, was_full
from training_pipeline.backends.local.run_directory import RunDirectory
from training_pipeline.infra.json_file import write_json

MIB = 2**20


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path)


def free(monkeypatch: pytest.MonkeyPatch, mib: int, *, of: int = 100_000) -> None:
    usage = shutil.disk_usage("/")._replace(free=mib * MIB, total=of * MIB)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


def test_the_trainer_says_that_the_disk_was_full_or_could_not_say_anything(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    free(monkeypatch, 1000)
    assert not was_full(run)
    write_json(run.result, {"status": "failed", "error_type": "DiskFull"})
    assert was_full(run)
    write_json(run.result, {"status": "failed", "error_type": "NothingToTrain"})
    free(monkeypatch, 1)
    assert not was_full(run)
    run.result.unlink()
    assert was_full(run)
    run.result.write_text("{")
    assert was_full(run)


def test_going_on_takes_room_for_two_checkpoints(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 70)
    assert needed_bytes(run) == 64 * MIB
    free(monkeypatch, 70, of=100)
    assert needed_bytes(run) == 10 * MIB
    for step, size in ((5, 3), (9, 40)):
        folder = run.path / "checkpoints" / f"checkpoint-{step}" / "inner"
        folder.mkdir(parents=True)
        with (folder / "weights").open("wb") as file:
            file.truncate(size * MIB)
    assert needed_bytes(run) == 80 * MIB
    assert "is full. Free at least 80 MiB: " in waits_for_room(run)
