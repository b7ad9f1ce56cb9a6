"""The program around an evaluation: whatever the end, the questions are gone and it is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from training_pipeline.sft.errors import BAD_CONFIG, FAILED, SUCCEEDED
from training_pipeline.sft.evaluation import run as evaluation
from training_pipeline.sft.evaluation.judge import JudgeOrder
from training_pipeline.sft.integrity import folder_sha256
from training_pipeline.sft.stop import Stopped, StopRequest
from training_pipeline.testing.servers.judge_server import judge_server
from training_pipeline.testing.trainers.triage import triage_pairs, write_jsonl


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Neither signals nor environment of the tests are changed."""
    monkeypatch.setattr(evaluation, "listen", lambda run, status: StopRequest())
    monkeypatch.setattr(evaluation, "set_environment", lambda sources: None)
    mask = os.umask(0o077)
    yield
    os.umask(mask)


def configured(run: Path, model: dict[str, Any], *more: dict[str, Any], **fields: Any) -> Path:
    run.mkdir(exist_ok=True)
    keys = {"training_sheet_id": "s", "classification": None, "canonical_label_id": None}
    rows = [
        {**keys, "pair_id": f"p{number}", "may_be_judged": number < 2, **pair}
        for number, pair in enumerate(triage_pairs(4))
    ]
    write_jsonl(run / evaluation.QUESTIONS, rows)
    config = run / "config.json"
    config.write_text(json.dumps({"run_dir": str(run), "models": [model, *more], **fields}))
    return config


def result(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "result.json").read_text())
    return found


@pytest.mark.slow
def test_models_are_asked_one_after_the_other(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the supervisor starts it: a process of its own. A judge reads the answers to what it may read."""
    monkeypatch.setenv("JUDGE_KEY", "sk-nobody-may-see-this")
    run = tmp_path / "run"
    train = write_jsonl(tmp_path / "train.jsonl", triage_pairs(20))
    made = {"train_file": str(train), "max_length": 128, "seed": 5}  # one that does not say nothing
    tuned = {"role": "tuned", "source": str(tiny_folder), "files": folder_sha256(tiny_folder)}
    base = {"role": "base", "source": "builtin:tiny", "built_in": made}
    with judge_server() as server:
        order = JudgeOrder("house", server.url, "m", "JUDGE_KEY", seconds=30.0, at_once=2, max_tokens=64, pauses=())
        config = configured(run, base, tuned, judge=asdict(order))
        command = [sys.executable, "-m", "training_pipeline.sft", "--evaluate", str(config)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == SUCCEEDED, done.stderr
    scores = result(run)["scores"]
    for told in scores.values():
        judge = told["judge"]
        assert (judge["judged"] + judge["unanswered"], judge["not_sent"], judge["missing"]) == (2, 2, None)
    assert {headers["Authorization"] for headers in server.headers} == {"Bearer sk-nobody-may-see-this"}
    written = b"".join(path.read_bytes() for path in run.rglob("*") if path.is_file())
    assert b"sk-nobody" not in written + (done.stdout + done.stderr).encode()
    assert not [body for body in server.asked if body["messages"][1]["content"].encode() in written]
    assert {role: told["pairs"] for role, told in scores.items()} == {"base": 4, "tuned": 4}
    assert len(pq.read_table(run / scores["tuned"]["file"])) == 4
    left = {path.name for path in run.rglob("*") if path.is_file()}
    assert left == {"config.json", "status.json", "result.json", "base.parquet", "tuned.parquet"}
    (pair,) = triage_pairs(1)
    asked = str(pair["messages"][0]["content"])  # type: ignore[index]
    assert asked not in done.stdout + done.stderr


def test_what_goes_wrong_is_told_without_the_questions(tmp_path: Path) -> None:
    config = configured(tmp_path / "run", {"role": "tuned", "source": str(tmp_path / "nowhere")})
    assert evaluation.main([str(config)]) == FAILED
    assert "nowhere" in result(tmp_path / "run")["error"]
    assert not (tmp_path / "run" / evaluation.QUESTIONS).exists()
    assert evaluation.main([str(config)]) == FAILED
    assert "questions of this evaluation are gone" in result(tmp_path / "run")["error"]
    assert evaluation.main([]) == BAD_CONFIG


@pytest.mark.parametrize(
    ("error", "status", "stays"),
    [
        (Stopped(), "stopped", False),
        (OSError(28, "No space left on device"), "failed", True),
        (MemoryError(), "failed", False),
    ],
)
def test_the_questions_go_unless_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, status: str, stays: bool
) -> None:
    config = configured(tmp_path, {"role": "tuned", "source": str(tmp_path)})

    def ended(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(evaluation, "_evaluate", ended)
    assert evaluation.main([str(config)]) != SUCCEEDED
    assert result(tmp_path)["status"] == status
    assert (tmp_path / evaluation.QUESTIONS).exists() is stays
