"""`sheets check --base-model`: what a training would refuse, told before there is a job, with the real tokenizer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from training_pipeline.backends.rehearsal import NOT_REHEARSED
from training_pipeline.cli.commands.sheets import app
from training_pipeline.sft.config import TinySize
from training_pipeline.sft.model import tiny
from training_pipeline.sft.preflight.findings import CUT_OFF
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.trainers.trainer_runs import SMALL
from training_pipeline.testing.trainers.triage import triage_pairs, write_jsonl


@pytest.fixture(autouse=True)
def _installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINING_PIPELINE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "300")
    pairs = rows(12)
    pairs[3]["messages"][0]["content"] = "Which desk? " * 60
    pairs[4] |= {"status": "rejected", "messages": pairs[3]["messages"]}
    write_sheet(tmp_path / "state" / "sheets", "small", pairs)


def check(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["check", *arguments])


def test_answers_that_would_be_cut_are_told_by_pair_id(tmp_path: Path) -> None:
    jsonl = write_jsonl(tmp_path / "train.jsonl", triage_pairs(60))
    tiny.create(tmp_path / "base", jsonl, TinySize(**SMALL["tiny"]), max_length=128, seed=1)
    done = check("small", "--base-model", str(tmp_path / "base"), "--max-length", "64", "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["errors"]) == (1, 0)
    (warning,) = told["training"]
    assert (warning["code"], warning["count"]) == (CUT_OFF, 1)
    assert "'p-0003'" in warning["message"]
    assert "max_length 64" in warning["message"]
    assert "Which" not in done.stdout


def test_a_model_without_a_tokenizer_of_its_own_says_that_nobody_knows() -> None:
    done = check("small", "--max-length", "64")
    assert (done.exit_code, "cannot be said" in done.stdout) == (1, True)
    told = json.loads(check("small", "--max-length", "64", "--json").stdout)["training"]
    assert [each["code"] for each in told] == [NOT_REHEARSED]
    assert "training" not in json.loads(check("small", "--json").stdout)


def test_a_file_that_is_no_training_sheet_is_refused() -> None:
    for flag, value in (("--base-model", "x"), ("--max-length", "64")):
        done = check("pairs.jsonl", flag, value)
        assert (done.exit_code, flag in done.output, "import the file first" in done.output) == (2, True, True)
