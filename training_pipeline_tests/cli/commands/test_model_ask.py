"""`models ask`: here and through a service, and nothing on the terminal that it would obey."""

from __future__ import annotations

import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.backends.asking import AskedModel, ChatTurn, ModelAnswer
from training_pipeline.cli.render.playground import plain
from training_pipeline.models.playground import Answered, Playground
from training_pipeline.testing.system.command_line import Command

ASK = ("models", "ask", "triage", "2")


@pytest.fixture(autouse=True)
def _answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models that answer with what they were asked."""

    def ask(self: Playground, name: str, version: str, **asked: object) -> Answered:
        said, pair = str(asked["question"] or "of the pair"), asked["pair_id"]
        answer = ModelAnswer(role="tuned", answer=f"[b]{said}\x1b[31m", stopped=False, tokens=3, seconds=1)
        if said == "nothing":
            answer = ModelAnswer(role="tuned", problem="It took too long.")
        return Answered(
            messages=(ChatTurn(role="user", content=said),),
            expected="the nurse" if pair else None,
            models=(AskedModel(role="tuned", source="/m"),),
            answers=(answer,),
            champion=None,
            note="The champion is gone.",
        )

    monkeypatch.setattr(Playground, "ask", ask)


def test_a_question_is_answered_here_and_through_a_service(
    command: Command, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, seen, _ = command(*ASK, "who?")
    assert code == 0
    for words in (
        "This version: triage 2",
        "[b]who?\N{REPLACEMENT CHARACTER}[31m",
        "cut off",
        "The champion is gone",
    ):
        assert words in seen, words
    assert command(*ASK, "who?", "--url", url)[:2] == (code, seen)
    monkeypatch.setattr(sys, "stdin", io.StringIO("typed\n"))
    assert "[b]typed" in command(*ASK)[1]
    code, seen, _ = command(*ASK, "--pair", "p-1", "--json")
    assert json.loads(seen)["expected"] == "the nurse"
    assert "The expert's answer" in command(*ASK, "--pair", "p-1")[1]


def test_no_answer_and_a_question_too_many_are_exit_codes(command: Command, url: str) -> None:
    assert url
    code, seen, _ = command(*ASK, "nothing")
    assert (code, "It took too long." in seen) == (1, True)
    assert command(*ASK, "who?", "--pair", "p-1")[0] == 2


@given(st.text())
def test_no_control_character_reaches_a_terminal(said: str) -> None:
    shown = plain(said)
    assert len(shown) == len(said)
    assert all(one.isprintable() or one in "\n\t" for one in shown)
