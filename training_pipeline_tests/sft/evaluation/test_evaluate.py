from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

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
    room = len(asked[1].prompt_ids) + asked[1].answer_tokens
    assert [given is None for given in answers(asked, room)] == [True, False, False]


def test_no_batch_goes_past_the_positions_of_a_model(tiny_chat: ChatFormat) -> None:
    """A short question with a long answer beside a long one with a short answer: each fits, and both together do not.

    A model with positions of its own for each place, as GPT-2 is, has none further on.
    """
    positions = 128
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": positions}
    model: Any = GPT2LMHeadModel(GPT2Config(vocab_size=len(tiny_chat.tokenizer), **sizes))
    lengths = [(4, positions - 4 - evaluate.SLACK), (positions - 2 - evaluate.SLACK, 2), (40, 30), (41, 2), (5, 2)]
    lengths += [(positions - 5, 5), (3, positions - 3), (positions - 9, 2)]
    asked = [evaluate.Question("?", "!", [7 + place] * prompt, most) for place, (prompt, most) in enumerate(lengths)]
    heard: list[int] = []

    def answers(questions: list[evaluate.Question]) -> list[tuple[int, ...] | None]:
        found = evaluate.answer(model, tiny_chat.tokenizer, questions, ends=[], positions=positions, told=heard.append)
        return [None if one is None else one.ids for one in found]

    together = answers(asked)
    assert heard == sorted(heard)
    assert heard[-1] == len(asked)
    assert len(heard) > 1
    assert [len(ids or ()) for ids in together] == [
        min(most + evaluate.SLACK, positions - prompt) for prompt, most in lengths
    ]
    assert together == [answers([question])[0] for question in asked]
    heard.clear()
    answers([asked[3]] * (evaluate.BATCH + 1))
    assert heard == [evaluate.BATCH, evaluate.BATCH + 1]


def test_exact_match_is_letter_by_letter() -> None:
    asked = [evaluate.Question("?", "yes", [], 1)] * 4
    assert evaluate.exact_match(asked, ["yes", "Yes", None, "yes."]) == 0.25
