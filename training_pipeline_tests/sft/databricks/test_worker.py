from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.sft import program
from training_pipeline.sft.databricks import machine, worker
from training_pipeline.sft.endings import listen
from training_pipeline.sft.errors import STOPPED, TrainingFailed
from training_pipeline.sft.run_dir import RunDir, Status


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_gpus", lambda: 0)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    run = tmp_path / "work" / "run"
    run.mkdir(parents=True)
    (run / "samples.jsonl").write_text('{"question": "Secret?"}\n')
    return tmp_path / "work"


def told(directory: Path, *, register: dict[str, Any] | None = None) -> Path:
    """What a worker is told, in a file."""
    file = directory / "told.json"
    given = {"result_dir": str(directory / "out"), "config": {}, "files": {}, "register": register}
    file.write_text(json.dumps(given))
    return file


def test_what_the_model_answered_goes_to_the_volume(work: Path, tmp_path: Path) -> None:
    result: dict[str, Any] = {"samples_file": "samples.jsonl"}
    worker._keep_answers(result, work, tmp_path / "volume" / "run")
    assert result == {"samples_file": "samples.jsonl"}
    assert (tmp_path / "volume" / "run" / "samples.jsonl").read_text() == (work / "run" / "samples.jsonl").read_text()


def test_a_volume_that_takes_none_of_it_does_not_cost_the_model(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "volume").write_text("a file where the folder should be")
    result: dict[str, Any] = {"samples_file": "samples.jsonl"}
    worker._keep_answers(result, work, tmp_path / "volume" / "run")
    assert result == {"samples_file": None}
    assert "could not be kept" in capsys.readouterr().err


def test_no_token_is_in_what_a_failed_run_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    token = "hf_0123456789"
    monkeypatch.setenv("HF_TOKEN", token)
    monkeypatch.setattr(worker, "_fetched", lambda *_, **__: quoted())

    def quoted() -> Path:
        raise OSError(f"401 for https://hub/model?token={token}")

    assert worker.main([str(told(tmp_path))]) == 1
    left = (tmp_path / "out" / "result.json").read_text()
    assert "401 for" in left
    assert token not in left + capsys.readouterr().err


def test_a_volume_that_cannot_be_written_stops_the_run_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("a file where the folder should be")
    monkeypatch.setattr(worker, "_fetched", lambda *_, **__: pytest.fail("it went on"))
    assert worker.main([str(told(tmp_path))]) == 1
    said = capsys.readouterr().err
    assert "grant WRITE VOLUME" in said
    assert "No result could be left" in said


@pytest.mark.parametrize("made", [True, False])
def test_the_model_is_made_first_and_taken_away_where_the_training_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: bool
) -> None:
    steps: list[str] = []

    def require(name: str) -> bool:
        steps.append(f"require {name}")
        return made

    def fetched(*_: object, **__: object) -> Path:
        steps.append("fetch")
        return Path("config.json")

    def train(_: list[str]) -> int:
        steps.append("train")
        return 1

    monkeypatch.setattr(worker, "require_registry", require)
    monkeypatch.setattr(worker, "release", lambda name: steps.append(f"release {name}"))
    monkeypatch.setattr(worker, "_fetched", fetched)
    monkeypatch.setattr(program, "main", train)
    assert worker.main([str(told(tmp_path, register={"name": "main.ml.triage", "tags": {}}))]) == 1
    assert steps == ["require main.ml.triage", "fetch", "train", *(["release main.ml.triage"] if made else [])]


@pytest.mark.parametrize("listens", [False, True])
def test_a_stop_outside_the_steps_leaves_nothing_but_a_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listens: bool
) -> None:
    """Whether the training program listens already, or the dataset is still fetched."""
    steps: list[str] = []
    works: list[Path] = []

    def fetched(_: Any, work: Path, **__: Any) -> Path:
        works.append(work)
        if not listens:
            os.kill(os.getpid(), signal.SIGTERM)
        return work / "config.json"

    def train(_: list[str]) -> int:
        run = RunDir(works[0] / "run")
        run.create()
        listen(run, Status(run.status))
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("it went on")

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(os, "_exit", sys.exit)  # which no `except Exception` holds up
    monkeypatch.setattr(worker, "require_registry", lambda _: True)
    monkeypatch.setattr(worker, "release", lambda name: steps.append(f"release {name}"))
    monkeypatch.setattr(worker, "_fetched", fetched)
    monkeypatch.setattr(program, "main", train)
    with pytest.raises(SystemExit) as ended:
        worker.main([str(told(tmp_path, register={"name": "main.ml.triage", "tags": {}}))])
    assert ended.value.code == STOPPED
    assert steps == ["release main.ml.triage"]
    assert json.loads((tmp_path / "out" / "result.json").read_text())["status"] == "stopped"
    assert not works[0].exists()
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("found", "wanted", "base", "runs"),
    [
        (8, 8, "a/b", True),
        (8, None, "a/b", True),
        (7, 8, "a/b", False),
        (0, 1, "a/b", False),
        (0, 1, "builtin:tiny", True),
        (1, 8, "builtin:tiny", False),
    ],
)
def test_the_number_of_gpus_is_that_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, found: int, wanted: int | None, base: str, runs: bool
) -> None:
    monkeypatch.setattr(machine, "_gpus", lambda: found)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1")  # whatever a variable says
    given = {"gpus": wanted, "config": {"base_model": base}}
    if not runs:
        with pytest.raises(TrainingFailed, match=f"has {found} GPUs, and {wanted} were requested"):
            worker._require_gpus(given)
        return
    assert worker._require_gpus(given) == found


@pytest.mark.parametrize(("found", "sharding"), [(0, "auto"), (1, "auto"), (8, "always")])
def test_a_model_is_divided_among_all_gpus_that_are_paid_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: int, sharding: str
) -> None:
    monkeypatch.setattr(machine, "_gpus", lambda: found)
    asked: list[str] = []

    def train(arguments: list[str]) -> int:
        asked.append(json.loads(Path(arguments[0]).read_text())["sharding"])
        return 1

    monkeypatch.setattr(program, "main", train)
    assert worker.main([str(told(tmp_path))]) == 1
    assert asked == [sharding]


def test_a_grant_that_is_missing_is_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def require(_: str) -> bool:
        raise TrainingFailed("told", "We may not make the model: grant CREATE MODEL.")

    monkeypatch.setattr(worker, "require_registry", require)
    monkeypatch.setattr(worker, "_fetched", lambda *_, **__: pytest.fail("it went on"))
    assert worker.main([str(told(tmp_path, register={"name": "main.ml.triage", "tags": {}}))]) == 1
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["error"] == "We may not make the model: grant CREATE MODEL."


def test_where_nothing_was_asked_nothing_is_kept(work: Path, tmp_path: Path) -> None:
    worker._keep_answers({"samples_file": None}, work, tmp_path / "volume")
    assert not (tmp_path / "volume").exists()
