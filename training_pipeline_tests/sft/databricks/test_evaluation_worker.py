"""An evaluation on a worker, without a workspace: what is fetched, compared, left behind and taken away."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.sft.databricks import evaluation_worker, machine, worker
from training_pipeline.sft.errors import STOPPED
from training_pipeline.sft.evaluation import run as evaluation
from training_pipeline.sft.integrity import folder_sha256


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker without a GPU and without MLflow."""
    monkeypatch.setattr(machine, "_gpus", lambda: 0)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)


@pytest.fixture
def model(tmp_path: Path) -> dict[str, Any]:
    """A model in the volume."""
    folder = tmp_path / "volume" / "model"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return {"role": "tuned", "source": str(folder), "files": folder_sha256(folder), "built_in": {}}


def told(directory: Path, *models: dict[str, Any], base_model: str = "builtin:tiny") -> Path:
    """What a worker is told, in a file; the questions lie in the volume."""
    questions = directory / "out" / "questions.jsonl"
    questions.parent.mkdir(exist_ok=True)
    questions.write_text("a secret question\n")
    digest = hashlib.sha256(questions.read_bytes()).hexdigest()
    file = directory / "told.json"
    asked = {"questions": {"path": str(questions), "sha256": digest}, "models": models, "base_model": base_model}
    file.write_text(json.dumps({"result_dir": str(directory / "out"), "gpus": 1, "evaluation": asked}))
    return file


def result(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "out" / "result.json").read_text())
    return found


def test_a_stop_before_anything_is_asked_takes_the_questions_away(
    tmp_path: Path, model: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetched(*_: Any) -> Path:
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("it went on")

    monkeypatch.setattr(os, "_exit", sys.exit)
    monkeypatch.setattr(evaluation_worker, "_fetched", fetched)
    with pytest.raises(SystemExit) as ended:
        worker.main([str(told(tmp_path, model))])
    assert ended.value.code == STOPPED
    assert result(tmp_path) == {"status": "stopped"}
    assert not (tmp_path / "out" / "questions.jsonl").exists()


def test_the_questions_leave_the_volume_before_they_are_asked_and_scores_arrive(
    tmp_path: Path, model: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def asked(arguments: list[str]) -> int:
        config = json.loads(Path(arguments[0]).read_text())
        run = Path(config["run_dir"])
        seen.update(config, text=(run / "questions.jsonl").read_text(), mode=run.stat().st_mode & 0o077)
        assert not (tmp_path / "out" / "questions.jsonl").exists()
        (run / "scores").mkdir()
        (run / "scores" / "tuned.parquet").write_bytes(b"numbers")
        scores = {"tuned": {"file": "scores/tuned.parquet", "sha256": "0", "pairs": 1}}
        (run / "result.json").write_text(json.dumps({"status": "succeeded", "scores": scores}))
        return 0

    monkeypatch.setattr(evaluation, "main", asked)
    assert worker.main([str(told(tmp_path, model))]) == 0
    assert (seen["text"], seen["mode"]) == ("a secret question\n", 0)
    assert seen["models"][0]["source"] != model["source"], "it is asked from this worker's own disk"
    assert (tmp_path / "out" / "scores" / "tuned.parquet").read_bytes() == b"numbers"
    assert result(tmp_path)["status"] == "succeeded"
    assert not Path(seen["run_dir"]).exists()


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("changed", "is not the one on record (changed, added or gone: config.json)"),
        ("gone", "or may not be read there: restore it, or grant READ VOLUME"),
        ("questions", "is not the file that was uploaded"),
        ("gpus", "The worker has 0 GPUs, and 1 were requested"),
    ],
)
def test_what_is_not_on_record_is_asked_nothing(
    tmp_path: Path,
    model: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    broken: str,
    why: str,
) -> None:
    monkeypatch.setattr(evaluation, "main", lambda _: pytest.fail("it was asked"))
    file = told(tmp_path, model, base_model="a/b" if broken == "gpus" else "builtin:tiny")
    if broken == "changed":
        Path(model["source"], "config.json").write_text("{ }")
    elif broken == "gone":
        shutil.rmtree(model["source"])
    elif broken == "questions":
        (tmp_path / "out" / "questions.jsonl").write_text("a secret question?\n")
    assert worker.main([str(file)]) == 1
    assert why in result(tmp_path)["error"]
    assert not (tmp_path / "out" / "questions.jsonl").exists(), "whatever the end"
    assert "secret" not in capsys.readouterr().err + json.dumps(result(tmp_path))


def test_a_registered_model_is_the_one_within_what_mlflow_keeps(
    tmp_path: Path, model: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow.artifacts
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import PERMISSION_DENIED

    fetched: list[str] = []

    def download(*, artifact_uri: str, dst_path: str) -> str:
        fetched.append(artifact_uri)
        if artifact_uri.endswith("/9"):
            raise MlflowException("no EXECUTE", error_code=PERMISSION_DENIED)
        if artifact_uri.endswith("/1"):
            shutil.copytree(model["source"], Path(dst_path) / "artifacts" / "model")
        return dst_path

    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", download)
    monkeypatch.setattr(mlflow, "set_registry_uri", fetched.append)
    asked: list[str] = []

    def main(arguments: list[str]) -> int:
        asked.append(json.loads(Path(arguments[0]).read_text())["models"][0]["source"])
        return 1

    monkeypatch.setattr(evaluation, "main", main)
    for version, why in (
        ("1", "The evaluation left no result."),
        ("2", "has no folder artifacts/model, so it was not registered by this pipeline"),
        ("9", "cannot fetch models:/main.ml.triage/9 from Unity Catalog (PERMISSION_DENIED"),
    ):
        registered = {**model, "source": f"models:/main.ml.triage/{version}"}
        assert worker.main([str(told(tmp_path, registered))]) == 1
        assert why in result(tmp_path)["error"]
    assert len(asked) == 1
    assert asked[0].endswith("/models/tuned/artifacts/model")
    assert fetched[0] == "databricks-uc"


def test_the_built_in_model_is_made_from_the_very_training_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = tmp_path / "train.jsonl"
    train.write_text("a pair\n")
    seen: list[dict[str, Any]] = []

    def main(arguments: list[str]) -> int:
        (model,) = json.loads(Path(arguments[0]).read_text())["models"]
        seen.append({**model["built_in"], "text": Path(model["built_in"]["train_file"]).read_text()})
        return 1

    monkeypatch.setattr(evaluation, "main", main)
    split = {"path": str(train), "sha256": hashlib.sha256(train.read_bytes()).hexdigest()}
    base = {"role": "base", "source": "builtin:tiny", "built_in": {"max_length": 64, "seed": 1, "train": split}}
    assert worker.main([str(told(tmp_path, base))]) == 1
    assert {key: seen[0][key] for key in ("max_length", "seed", "text")} == {
        "max_length": 64,
        "seed": 1,
        "text": "a pair\n",
    }


def test_a_volume_that_gives_nothing_back_is_told_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").mkdir()
    evaluation_worker._forget(tmp_path / "folder")  # no file
    assert "could not be removed from the volume" in capsys.readouterr().err


def test_mlflow_is_told_how_far_it_is_and_its_silence_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    said: list[tuple[str, str, str]] = []

    class Client:
        def __init__(self, tracking_uri: str) -> None:
            assert tracking_uri == "databricks"

        def set_tag(self, *given: str) -> None:
            said.append(given)  # type: ignore[arg-type]
            raise OSError("away")

    monkeypatch.setattr(mlflow, "MlflowClient", Client)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setattr(
        evaluation_worker, "mlflow_target", lambda: {"tracking_uri": "databricks", "run_id": "r", "experiment_id": "-"}
    )
    (tmp_path / "status.json").write_text('{"step": 3}')
    with evaluation_worker._telling(tmp_path):
        pass
    assert said == [("r", "training_pipeline.status", '{"step": 3}')]
