from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from training_pipeline.sft.evaluation import evaluate
from training_pipeline.sft.evaluation.evaluate import BATCH, Answer, Question
from training_pipeline.sft.evaluation.in_room import answer_in_room

#: Prompts of 1 to 50 tokens, the longest first.
ASKED = [Question("", "", [0] * length, 1) for length in range(50, 0, -1)]


def answered(asked: list[Question], told: Callable[[int], None], **settings: Any) -> list[Answer | None]:
    given: dict[str, Any] = {"ends": [], "positions": None, "longest": 100, "together": False, **settings}
    return answer_in_room(None, None, asked, told=told, **given)


@pytest.fixture
def most(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tokens of prompts the memory holds; each question is answered with the length of its prompt."""
    room = [BATCH * 50]

    def answer(_: Any, __: Any, asked: list[Question], *, told: Callable[[int], None], **___: Any) -> list[Answer]:
        if len(asked) * max(len(question.prompt_ids) for question in asked) > room[0]:
            raise RuntimeError("CUDA error: out of memory")
        told(len(asked))
        return [Answer(str(len(question.prompt_ids)), stopped=True) for question in asked]

    monkeypatch.setattr(evaluate, "answer", answer)
    return room


def test_every_question_has_its_own_answer_with_less_memory_too(most: list[int]) -> None:
    expected = [str(length) for length in range(50, 0, -1)]
    heard: list[int] = []
    assert evaluate.texts(answered(ASKED, heard.append)) == expected
    assert heard == [BATCH, 50]
    most[0] = 100
    heard.clear()
    assert evaluate.texts(answered(ASKED, heard.append)) == expected


def test_a_question_that_is_too_much_alone_or_was_cut_in_training_has_none(most: list[int]) -> None:
    most[0] = 48
    assert [given is None for given in answered(ASKED[:4], deaf)] == [True, True, False, False]
    assert [given is None for given in answered(ASKED[:4], deaf, longest=47)] == [True, True, True, False]


def test_processes_that_answer_together_fail_together(most: list[int]) -> None:
    most[0] = 10
    with pytest.raises(RuntimeError, match="out of memory"):
        answered(ASKED, deaf, together=True)


def deaf(_: int) -> None:
    """Hears nothing."""
