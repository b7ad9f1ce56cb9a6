from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.sft.config import STOP_QUESTIONS, Config, parse
from training_pipeline.sft.encoding.data import ChatFormat
from training_pipeline.sft.errors import TrainingFailed
from training_pipeline.sft.evaluation.evaluate import Question
from training_pipeline.sft.evaluation.to_ask import answerable, to_ask
from training_pipeline.testing.trainers.trainer_runs import Run
from training_pipeline.testing.trainers.triage import write_jsonl

LONG = "word " * 200


def asked(number: int, question: str = "Why?") -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": f"{number} {question}"}, {"role": "assistant", "content": "Because."}]
    }


def config_of(run: Run, folder: Path, train: list[dict[str, Any]], validation: list[dict[str, Any]]) -> Config:
    """Where a long question is longer than what is trained on."""
    files = {
        "train_file": str(write_jsonl(folder / "t.jsonl", train)),
        "validation_file": str(write_jsonl(folder / "v.jsonl", validation)),
    }
    return parse(run.config | files | {"max_length": 100})


def begins(questions: list[Question]) -> list[int]:
    return [int(question.asked.split()[0]) for question in questions]


def test_the_first_validation_questions_are_asked_where_one_can_be_answered(
    run: Run, tiny_chat: ChatFormat, tmp_path: Path
) -> None:
    validation = [*(asked(number, LONG) for number in range(7)), *(asked(number) for number in range(7, 12))]
    first, others = to_ask(config_of(run, tmp_path, [asked(99)], validation), tiny_chat, None)
    assert begins(first) == list(range(STOP_QUESTIONS))
    assert others == []


def test_where_none_of_the_first_can_be_answered_others_are_asked_too(
    run: Run, tiny_chat: ChatFormat, tmp_path: Path
) -> None:
    validation = [*(asked(number, LONG) for number in range(9)), asked(9), asked(10)]
    config = config_of(run, tmp_path, [asked(number) for number in range(20, 40)], validation)
    first, others = to_ask(config, tiny_chat, None)
    assert begins(first) == list(range(STOP_QUESTIONS))
    assert begins(others) == [9, 10, *range(20, 26)]
    assert answerable([*first, *others], config, None) == others


def test_a_model_that_could_not_be_seen_to_stop_is_not_trained_unless_that_is_allowed(
    run: Run, tiny_chat: ChatFormat, tmp_path: Path
) -> None:
    config = config_of(run, tmp_path, [asked(1, LONG)], [asked(2, LONG)])
    with pytest.raises(TrainingFailed, match=r"raise max_length \(it is 100\).*or set allow_never_stops"):
        to_ask(config, tiny_chat, None)
    first, others = to_ask(replace(config, allow_never_stops=True), tiny_chat, None)
    assert (begins(first), others) == ([2], [])


def test_a_question_whose_answer_just_fits_into_the_model_can_be_answered(
    run: Run, tiny_chat: ChatFormat, tmp_path: Path
) -> None:
    config = config_of(run, tmp_path, [asked(1)], [asked(2)])
    (question,), _ = to_ask(config, tiny_chat, None)
    room = len(question.prompt_ids) + question.answer_tokens
    assert to_ask(config, tiny_chat, room) == ([question], [])
    with pytest.raises(TrainingFailed, match="No example leaves room"):
        to_ask(config, tiny_chat, room - 1)
