from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from training_pipeline.sft import rank
from training_pipeline.sft.distributed.ranks import OtherFailed, Ranks
from training_pipeline.sft.errors import FAILED, INTERRUPTED, SUCCEEDED, TrainingFailed
from training_pipeline.sft.output import LAUNCHER
from training_pipeline.sft.run_dir import RunDir
from training_pipeline.testing.trainers.trainer_runs import Run


@pytest.fixture
def started(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments of the second process of a run."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(run.config))
    directory = RunDir(run.run_dir)
    directory.create()
    directory.ranks.mkdir()
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv(LAUNCHER, str(os.getppid()))
    monkeypatch.setattr(rank, "set_environment", lambda _: None)
    monkeypatch.setattr(rank, "join", lambda *_: Ranks(2, 1))
    monkeypatch.setattr(rank, "_die_with_parent", lambda: None)
    return [str(path), str(tmp_path / "meeting")]


def test_it_does_not_outlive_its_launcher(started: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LAUNCHER, "1")
    assert rank.main(started) == INTERRUPTED


def test_the_second_process_tells_nothing_of_its_own(
    started: list[str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Ranks | None] = []
    monkeypatch.setattr(rank, "carry_out", lambda *given: told.append(given[-1]))
    assert rank.main(started) == SUCCEEDED
    assert told == [Ranks(2, 1)]
    assert {path.name for path in run.run_dir.iterdir()} == {"ranks", ".reserve"}


def test_the_first_that_fails_tells_and_no_other(started: list[str], run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[Exception] = [OtherFailed(), TrainingFailed("told", "The cause."), RuntimeError("what came of it")]

    def fail(*_: object) -> int:
        raise errors.pop(0)

    monkeypatch.setattr(rank, "carry_out", fail)
    assert rank.main(started) == INTERRUPTED
    assert not (run.run_dir / "result.json").exists()
    assert rank.main(started) == FAILED
    assert rank.main(started) == INTERRUPTED
    assert run.read("result.json")["error"] == "The cause."
    assert run.read("status.json")["phase"] == "failed"
