from __future__ import annotations

import errno
import json
import math
import os
import threading
from pathlib import Path

import pytest

from training_pipeline.sft.run_dir import CHECKPOINT_MARKER, Progress, RunDir, Status, finite, read_json, write_json


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_point_has_exactly_the_agreed_fields_and_no_nan(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    progress = Progress(path)
    progress.add("train_loss", 1, 2.5, epoch=0.1, tokens=10)
    progress.add("train_loss", 2, math.nan, epoch=0.2, tokens=20)
    progress.add("grad_norm", 2, math.inf, epoch=0.2, tokens=20)
    first, second, third = lines(path)
    assert list(first) == ["name", "step", "value", "epoch", "tokens", "time"]
    assert (second["value"], third["value"]) == (None, None)
    assert path.stat().st_mode & 0o777 == 0o600
    assert (progress.first["train_loss"], progress.last["train_loss"]) == (2.5, None)
    progress.close()


def test_no_step_is_written_twice_after_a_resume_and_old_bytes_stay(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    progress = Progress(path)
    for step in range(1, 6):
        progress.add("train_loss", step, float(step), epoch=None, tokens=None)
    progress.close()
    before = path.read_bytes()
    path.write_bytes(before + b'{"name": "train_lo')  # cut in half by a crash
    resumed = Progress(path)
    assert resumed.first["train_loss"] == 1.0
    for step in range(3, 8):
        resumed.add("train_loss", step, -1.0, epoch=None, tokens=None)
    resumed.add("val_loss", 4, 1.0, epoch=None, tokens=None)
    resumed.close()
    assert path.read_bytes().startswith(before)
    assert [(p["name"], p["step"]) for p in lines(path)[5:]] == [("train_loss", 6), ("train_loss", 7), ("val_loss", 4)]


@pytest.mark.parametrize(
    "damaged", [b"\0" * 9, b"[" * 100_000, b"[]", b"{}", b'{"name": 1, "step": 2, "value": 3}', b'{"name": "train_l']
)
def test_a_resume_passes_over_a_damaged_line(damaged: bytes, tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    path.write_bytes(
        b'{"name": "a", "step": 1, "value": 2.0}\n' + damaged + b'\n{"name": "a", "step": 3, "value": null}\n'
    )
    resumed = Progress(path)
    assert (resumed.reached, resumed.first, resumed.last) == ({"a": 3}, {"a": 2.0}, {"a": None})
    resumed.close()


def test_a_note_is_written_whatever_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    for step in (9, 4, 4):
        progress = Progress(path)
        progress.note("passed", step, 1)
        progress.close()
    assert [(point["name"], point["step"]) for point in lines(path)] == [("passed", 9), ("passed", 4), ("passed", 4)]


def test_status_is_written_at_once_when_the_phase_changes_and_sparingly_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    status = Status(path)
    status.tell(phase="training", step=1)
    status.tell(step=2)
    told = read_json(path)
    assert (told["phase"], told["step"]) == ("training", 1)
    status.tell(phase="done")
    told = read_json(path)
    assert (told["phase"], told["step"]) == ("done", 2)
    assert {"planned_steps", "epoch", "total_epochs", "eta_seconds", "tokens", "updated_at", "message"} <= set(told)


def test_json_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    assert read_json(path) is None
    write_json(path, {"a": [math.nan, {"b": -math.inf}]})
    assert read_json(path) == {"a": [None, {"b": None}]}
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]
    assert finite((1, "x")) == [1, "x"]


def test_a_line_that_the_disk_has_no_room_for_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "progress.jsonl"
    progress = Progress(path)
    progress.add("train_loss", 1, 2.0, epoch=None, tokens=None)
    write, half = os.write, iter([True, False])

    def full(descriptor: int, line: bytes) -> int:
        if next(half):
            return write(descriptor, line[: len(line) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        progress.add("system/cpu_percent", 0, 50.0, epoch=None, tokens=None)
    monkeypatch.undo()
    progress.add("train_loss", 2, 1.0, epoch=None, tokens=None)
    progress.close()
    assert [(point["name"], point["step"]) for point in lines(path)] == [("train_loss", 1), ("train_loss", 2)]


def test_threads_write_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    progress = Progress(path)

    def write(name: str) -> None:
        for step in range(300):
            progress.add(name, step, 0.5, epoch=None, tokens=None)

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    progress.close()
    assert sorted((point["name"], point["step"]) for point in lines(path)) == [
        (name, step) for name in ("a", "b") for step in range(300)
    ]


def test_only_what_the_training_had_not_finished_is_deleted(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    run.discard_half_done()
    for folder in (".model.tmp", "base.tmp", "model"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "config.json").touch()
    for file in (".best.safetensors.tmp", ".outcome.json.tmp", "best.safetensors"):  # the second is its supervisor's
        (tmp_path / file).touch()
    run.discard_half_done()
    assert {path.name for path in tmp_path.iterdir()} == {"model", ".outcome.json.tmp", "best.safetensors"}


def test_room_is_made_by_the_checkpoints_that_were_never_completed(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    complete, unfinished = run.checkpoints / "checkpoint-9", run.checkpoints / "checkpoint-50"
    for checkpoint in (complete, unfinished):
        checkpoint.mkdir(parents=True)
        (checkpoint / "weights").touch()
    (complete / CHECKPOINT_MARKER).touch()
    for _ in range(2):
        run.discard_unfinished_checkpoints()
        assert [path.name for path in run.checkpoints.iterdir()] == ["checkpoint-9"]
