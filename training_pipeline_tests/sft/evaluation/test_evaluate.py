from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from training_pipeline.sft.encoding.data import ChatFormat
from training_pipeline.sft.evaluation import evaluate
from training_pipeline.testing.trainers.triage import write_jsonl

ROWS: list[dict[str, Any]] = [
    {
        "messages": [
            {"role": "user", "content": "first?"},
            {"role": "assistant", "content": "one"},
            {"role": "user", "content": "second, which is longer?"},
            {"role": "assistant", "content": " two "},
            {"role": "user", "content": "third?"},
            {"role": "assistant", "content": "three", "weight": 0},
        ]
    },
    {"messages": [{"role": "user", "content": "loose bolt?"}, {"role": "assistant", "content": "mechanical"}]},
    {"messages": [{"role": "user", "content": "never asked"}, {"role": "assistant", "content": "x"}]},
]


def test_questions_ask_for_the_last_trained_answer(tiny_chat: ChatFormat, tmp_path: Path) -> None:
    asked = evaluate.questions(write_jsonl(tmp_path / "v.jsonl", ROWS), tiny_chat, 2)
    assert [(question.asked, question.expected) for question in asked] == [
        ("second, which is longer?", "two"),
        ("loose bolt?", "mechanical"),
    ]
    assert tiny_chat.tokenizer.decode(asked[1].prompt_ids) == (
        "<|im_start|>user\nloose bolt?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_answers_do_not_depend_on_the_batch(tiny_chat: ChatFormat, tiny_folder: Path, tmp_path: Path) -> None:
    asked = evaluate.questions(write_jsonl(tmp_path / "v.jsonl", ROWS), tiny_chat, 3)
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_folder)
    heard: list[int] = []

    def answers(questions: list[evaluate.Question], positions: int | None = None) -> list[str | None]:
        ends = [tiny_chat.tokenizer.eos_token_id]
        told = heard.append
        return evaluate.texts(
            evaluate.answer(model, tiny_chat.tokenizer, questions, ends=ends, positions=positions, told=told)
        )

    together = answers(asked)
    assert heard == [3]
    for question, given in zip(asked, together, strict=True):
        alone = model.generate(
            torch.tensor([question.prompt_ids]), do_sample=False, max_new_tokens=question.answer_tokens
        )[0, len(question.prompt_ids) :]
        assert given is not None
        assert given.startswith(tiny_chat.tokenizer.decode(alone, skip_special_tokens=True).strip())
    room = len(asked[1].prompt_ids) + asked[1].answer_tokens + evaluate.SLACK
    assert [given is None for given in answers(asked, room)] == [True, False, False]


def test_exact_match_is_letter_by_letter() -> None:
    asked = [evaluate.Question("?", "yes", [], 1)] * 4
    assert evaluate.exact_match(asked, ["yes", "Yes", None, "yes."]) == 0.25
