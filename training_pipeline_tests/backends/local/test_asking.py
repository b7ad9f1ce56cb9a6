"""The process that answers: bounded in time and memory, and nothing of it stays."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from training_pipeline.backends.asking import AskedModel, AskLimits, ChatTurn, ModelAnswer
from training_pipeline.backends.local import asking
from training_pipeline.infra.file_lock import try_lock

CANARY = "zanzibar"
MODELS = [AskedModel(role="base", source="/m/base"), AskedModel(role="tuned", source="/m/tuned")]
#: Programs in the place of the one that loads models. Each has read its order, and has answered for the first model.
START = """
import json, os, sys, time
order = json.load(sys.stdin)
def say(role, **told):
    print(json.dumps({"role": role, "seconds": 0.1, **told}), flush=True)
open("scratch", "w").write("of its own")
say("base", answer=order["messages"][0]["content"][::-1], stopped=True, tokens=order["max_tokens"])
"""
ANSWERS = 'say("tuned", problem=os.environ.get("CUDA_VISIBLE_DEVICES", "a GPU"))'
HANGS = "time.sleep(60)"
DIES = 'sys.stdout.write("{"); sys.stdout.flush(); os._exit(3)'
GROWS = 'held = b"x" * (300 << 20); time.sleep(60)'


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in left} <= {".lock"}
    assert not [*tmp_path.rglob("*.work")]
    assert not [path for path in left if CANARY.encode() in path.read_bytes()]


def ask(
    monkeypatch: pytest.MonkeyPatch, runs: Path, then: str, *, seconds: float = 20, memory_mb: int = 200
) -> list[ModelAnswer]:
    monkeypatch.setattr(asking, "PROGRAM", (sys.executable, "-S", "-c", START + then))
    turns = [ChatTurn(role="user", content=CANARY)]
    limits = AskLimits(seconds=seconds, memory_mb=memory_mb)
    return asking.ask(runs, MODELS, turns, max_tokens=7, limits=limits, asked_by="ada")


def test_every_model_answers_or_says_why_not(monkeypatch: pytest.MonkeyPatch, runs: Path) -> None:
    base, tuned = ask(monkeypatch, runs, ANSWERS)
    assert base == ModelAnswer(role="base", answer=CANARY[::-1], stopped=True, tokens=7, seconds=0.1)
    assert tuned.problem == os.environ.get("CUDA_VISIBLE_DEVICES", "a GPU")


def test_beside_a_training_it_leaves_the_gpu_alone(monkeypatch: pytest.MonkeyPatch, runs: Path) -> None:
    (runs / ".slots").mkdir()
    held = try_lock(runs / ".slots" / "slot-1.lock")
    assert held is not None
    assert ask(monkeypatch, runs, ANSWERS)[1].problem == ""
    os.close(held)


@pytest.mark.parametrize(
    ("then", "seconds", "said"),
    [
        (HANGS, 0.8, "had not answered after 0.8 s"),
        (DIES, 20, "ended before this one had answered"),
        (GROWS, 20, "more than 200 MB: raise TRAINING_PIPELINE_PLAYGROUND_MEMORY_MB"),
    ],
)
def test_what_has_answered_is_kept_whatever_ends_the_process(
    monkeypatch: pytest.MonkeyPatch, runs: Path, then: str, seconds: float, said: str
) -> None:
    base, tuned = ask(monkeypatch, runs, then, seconds=seconds)
    assert base.answer == CANARY[::-1]
    assert said in str(tuned.problem)


def test_while_it_waited_its_time_went_by(monkeypatch: pytest.MonkeyPatch, runs: Path) -> None:
    """What is left of a request is all that the models have."""
    limits = AskLimits(seconds=50, memory_mb=200, within_seconds=55)
    assert (limits.left_after(0.0), limits.left_after(20.0)) == (50, 35)
    assert ask(monkeypatch, runs, ANSWERS)[0].answer
    assert ask(monkeypatch, runs, ANSWERS)[0].answer, "the next question is asked"
