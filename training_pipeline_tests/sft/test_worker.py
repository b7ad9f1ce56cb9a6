from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.sft import worker


@pytest.fixture
def work(tmp_path: Path) -> Path:
    run = tmp_path / "work" / "run"
    run.mkdir(parents=True)
    (run / "samples.jsonl").write_text('{"question": "Secret?"}\n')
    return tmp_path / "work"


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
    monkeypatch.setattr(worker, "_fetched", lambda *_: quoted())

    def quoted() -> Path:
        raise OSError(f"401 for https://hub/model?token={token}")

    told = tmp_path / "told.json"
    told.write_text(json.dumps({"result_dir": str(tmp_path / "out"), "config": {}, "files": {}, "register": None}))
    assert worker.main([str(told)]) == 1
    left = (tmp_path / "out" / "result.json").read_text()
    assert "401 for" in left
    assert token not in left + capsys.readouterr().err


def test_where_nothing_was_asked_nothing_is_kept(work: Path, tmp_path: Path) -> None:
    worker._keep_answers({"samples_file": None}, work, tmp_path / "volume")
    assert not (tmp_path / "volume").exists()
