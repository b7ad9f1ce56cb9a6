"""One question to models: each answers in a line, or says why not, and nothing else is written."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training_pipeline.sft.evaluation import asking
from training_pipeline.sft.integrity import folder_sha256
from training_pipeline.testing.trainers.triage import triage_pairs, write_jsonl

CANARY = "zanzibar"


def order(work: Path, *models: dict[str, Any], said: str = "Who opens it?", **more: Any) -> dict[str, Any]:
    asked = [{"role": "user", "content": said}]
    return {"work": str(work), "models": models, "messages": asked, "max_tokens": 8, "memory_mb": 4096, **more}


def asked(told: dict[str, Any]) -> list[dict[str, Any]]:
    answers = io.StringIO()
    asking.ask(told, answers)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def test_a_model_answers_and_one_that_was_changed_says_what_to_do(tiny_folder: Path, tmp_path: Path) -> None:
    whole = {"role": "tuned", "source": str(tiny_folder), "files": folder_sha256(tiny_folder)}
    changed = {**whole, "role": "champion", "files": {**folder_sha256(tiny_folder), "more.bin": "0" * 64}}
    gone = {"role": "base", "source": str(tmp_path / "nowhere")}
    tuned, champion, base = asked(order(tmp_path, whole, changed, gone))
    assert (tuned["role"], tuned["tokens"] <= 8, "problem" in tuned) == ("tuned", True, False)
    assert "gone: more.bin" in champion["problem"]
    assert "restore these files" in champion["problem"]
    assert "nowhere" in base["problem"]
    assert not [*tmp_path.iterdir()]


def test_a_question_that_is_too_long_for_the_model_is_told_in_tokens(tiny_folder: Path, tmp_path: Path) -> None:
    (said,) = asked(order(tmp_path, {"role": "tuned", "source": str(tiny_folder)}, said=f"{CANARY} " * 3000))
    assert "shorten it" in said["problem"]
    assert CANARY not in said["problem"]


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1, max_size=60), st.integers(1, 12))
def test_whatever_is_asked_is_answered_within_the_limit(
    tiny_folder: Path, tmp_path: Path, said: str, most: int
) -> None:
    (told,) = asked(order(tmp_path, {"role": "tuned", "source": str(tiny_folder)}, said=said, max_tokens=most))
    assert told["tokens"] <= most
    assert isinstance(told["answer"], str)


@pytest.mark.nightly
def test_the_program_writes_answers_and_nothing_else(tiny_folder: Path, tmp_path: Path) -> None:
    """As the backend starts it: the built-in base model is made anew, and only in the directory for that."""
    train = write_jsonl(tmp_path / "train.jsonl", triage_pairs(20))
    made = {"train_file": str(train), "max_length": 128, "seed": 1}
    work = tmp_path / "work"
    work.mkdir()
    base = {"role": "base", "source": "builtin:tiny", "built_in": made}
    tuned = {"role": "tuned", "source": str(tiny_folder), "files": None}
    told = json.dumps(order(work, base, tuned, said=f"Who has the {CANARY}?", seconds=60))
    command = [sys.executable, "-m", "training_pipeline.sft", "--ask"]
    done = subprocess.run(command, input=told, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["role"] for line in done.stdout.splitlines()] == ["base", "tuned"]
    assert CANARY not in done.stderr
    assert not [file for file in work.rglob("*") if file.is_file() and CANARY.encode() in file.read_bytes()]
