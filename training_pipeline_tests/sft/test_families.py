"""Models of well-known families stop, and are served as they were trained; or they are refused before any training."""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer

from training_pipeline.sft.config import parse
from training_pipeline.sft.encoding.chat_format import chat_format
from training_pipeline.sft.encoding.data import IGNORED, ChatFormat, Encoded, Example
from training_pipeline.sft.encoding.plain_text import PlainText
from training_pipeline.sft.errors import TrainingFailed
from training_pipeline.sft.run_dir import RunDir, Status
from training_pipeline.sft.stop import StopRequest
from training_pipeline.sft.training.train import train
from training_pipeline.testing.soak import drawn, examples
from training_pipeline.testing.trainers.triage import triage_pairs, write_jsonl
from training_pipeline_tests.sft.families import (
    DEEPSEEK,
    FAMILIES,
    LLAMA_3,
    PHI_3,
    QWEN_3,
    Family,
    save_base,
    texts_of,
    tokenizer_of,
)

TAUGHT: list[dict[str, Any]] = triage_pairs(96)
#: Those of the taught pairs that are asked in the end.
ROWS = TAUGHT[:16]
TRAINED = [family for family in FAMILIES if not family.refused]
#: Training all of them takes minutes: that is for `make soak`.
REALLY_TRAINED = drawn(TRAINED)
DAY = date(2026, 3, 1)


def named(family: Family) -> str:
    return family.name


def chat_of(family: Family) -> ChatFormat:
    return chat_format(tokenizer_of(family, texts_of(ROWS)), "some/model", DAY)


def messages(*contents: str) -> list[dict[str, Any]]:
    return [{"role": "assistant" if turn % 2 else "user", "content": text} for turn, text in enumerate(contents)]


def encode(chat: ChatFormat, turns: list[dict[str, Any]]) -> Encoded:
    return chat.encode([Example(1, turns, [True] * (len(turns) // 2))])[0]


@pytest.mark.parametrize("family", [family for family in FAMILIES if family.refused], ids=named)
def test_a_family_that_cannot_stop_is_refused_with_what_to_change(family: Family) -> None:
    with pytest.raises(TrainingFailed, match=f"{family.refused}.*: choose another base_model, or put the end token"):
        chat_of(family)


@pytest.mark.parametrize("turns", [1, 2])
@pytest.mark.parametrize("answer", ["beta", "  padded ", "\n\nnext line", "many words, and one more"])
@pytest.mark.parametrize("family", TRAINED, ids=named)
def test_the_served_prompt_begins_the_example_and_every_answer_ends(family: Family, answer: str, turns: int) -> None:
    chat = chat_of(family)
    said = messages("What now?", "alpha", "And then?", answer)[4 - 2 * turns :]
    encoded = encode(chat, said)
    served = chat.tokenizer.apply_chat_template(said[:-1], add_generation_prompt=True, tokenize=True, return_dict=False)
    assert encoded.input_ids[: len(served)] == served == chat.prompt(said[:-1])
    assert len(encoded.spans) == turns
    for start, end in encoded.spans:
        assert chat.tokenizer.decode(encoded.labels[end - 1]) == family.end
        assert encoded.labels[end - 1] in chat.ends
        assert IGNORED not in encoded.labels[start:end]
    start, end = encoded.spans[-1]
    assert start == len(served)
    written = chat.tokenizer.decode(encoded.labels[start : end - 1])
    assert written.startswith(family.lead)
    assert written.removeprefix(family.lead).strip() == answer.strip()


#: How Qwen's tokenizers split: line breaks stay together, those in front of an answer and its own.
LINES = r"\s*[\r\n]+|\s+(?!\S)|\s+|[^\s]+"


@pytest.mark.parametrize("first", ["\n\nalpha", " \n alpha", "alpha\n\n"])
@pytest.mark.parametrize("family", TRAINED, ids=named)
def test_answers_before_are_asked_as_they_were_trained(family: Family, first: str) -> None:
    tokenizer = tokenizer_of(family, ["\n\n\n \n\n word\n\n"] * 20)
    letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    lines = pre_tokenizers.Split(Regex(LINES), "isolated")
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([lines, letters])
    chat = chat_format(tokenizer, "some/model", DAY)
    said = messages("What now?", first, "And then?", "\n\nbeta")
    prompt = chat.prompt(said[:-1])
    assert encode(chat, said).input_ids[: len(prompt)] == prompt
    assert PlainText(tokenizer, tokenizer.chat_template).prompt(said[:-1]) == prompt, "where it is served"


@pytest.mark.parametrize("first", ["end", "d", "im", "<", "|", "assistant", "think", "<think>so</think>end"])
def test_an_answer_that_is_a_part_of_what_the_template_writes_is_found(first: str) -> None:
    chat = chat_of(QWEN_3)
    said = first.removeprefix("<think>so</think>")
    encoded = encode(chat, messages("What now?", said, "And then?", first))
    written = [chat.tokenizer.decode(encoded.labels[slice(*span)]) for span in encoded.spans]
    last = "<think>\nso\n</think>\n\n" if "so" in first else QWEN_3.lead
    assert written == [f"{said}<|im_end|>", f"{last}{said}<|im_end|>"]


@pytest.mark.parametrize("family", TRAINED, ids=named)
def test_control_tokens_in_a_text_are_letters(family: Family) -> None:
    chat = chat_of(family)
    control = [token for token in (family.end, *family.special, *family.added) if "think" not in token]
    attack = "".join(f"hi{token}\n{token} you" for token in control)
    encoded = encode(chat, messages(attack, "alpha"))
    plain = encode(chat, messages("hi you", "alpha"))
    ids = {chat.tokenizer.convert_tokens_to_ids(token) for token in control}
    assert [token for token in encoded.input_ids if token in ids] == [t for t in plain.input_ids if t in ids]
    assert attack in chat.tokenizer.decode(encoded.input_ids)
    prompt = chat.prompt(messages(attack))
    assert encoded.input_ids[: len(prompt)] == prompt
    answered = encode(chat, messages("hi", attack))
    assert attack.strip() in chat.tokenizer.decode(answered.labels[slice(*answered.spans[0])])


def test_the_date_is_that_of_the_first_start_also_where_the_model_is_served() -> None:
    chat = chat_of(LLAMA_3)
    text = chat.tokenizer.apply_chat_template(messages("hi"), tokenize=False)
    assert "Today: 01 Mar 2026" in text
    assert "strftime_now" in chat.tokenizer.chat_template


def test_reasoning_that_a_template_drops_is_not_dropped_in_silence() -> None:
    with pytest.raises(
        TrainingFailed, match=r"leaves out a part of the content of a message \(role assistant\).*line 1"
    ):
        encode(chat_of(DEEPSEEK), messages("hi", "<think>because of that</think>alpha"))
    kept = chat_of(QWEN_3)
    with pytest.raises(TrainingFailed, match=r"leaves out .*content of a message \(role assistant\).*line 1"):
        encode(kept, messages("hi", "<think>beta</think>alpha", "and?", "beta"))
    encoded = encode(kept, messages("hi", "<think>because of that</think>alpha"))
    written = kept.tokenizer.decode(encoded.labels[slice(*encoded.spans[0])])
    assert written == "<think>\nbecause of that\n</think>\n\nalpha<|im_end|>"


whole_chats = cache(chat_of)
turns = st.lists(st.sampled_from(["user", "assistant", "assistant", "tool"]), max_size=5)


@settings(max_examples=examples(60), deadline=None)
@given(st.sampled_from(TRAINED), st.booleans(), turns)
def test_whoever_speaks_first_a_chat_is_trained_as_it_is_served_or_refused_by_its_pair(
    family: Family, system: bool, roles: list[str]
) -> None:
    chat = whole_chats(family)
    said = [
        {"role": role, "content": f"word {number}"}
        for number, role in enumerate([*["system"] * system, *roles, "assistant"])
    ]
    answers = [number for number, message in enumerate(said) if message["role"] == "assistant"]
    told: TrainingFailed | None = None
    try:
        encoded = chat.encode([Example(1, said, [True] * len(answers), "p-1")])[0]
    except TrainingFailed as refusal:
        told = refusal
    if told is not None:
        assert "pair 'p-1'" in str(told)
        assert told.pair_ids == ("p-1",)
        return
    assert len(encoded.spans) == len(answers)
    prompt = chat.prompt(said[: answers[-1]])
    assert encoded.input_ids[: len(prompt)] == prompt
    for number, (start, end) in zip(answers, encoded.spans, strict=True):
        assert encoded.input_ids[end - 1] in chat.ends
        assert f"word {number}" in chat.tokenizer.decode(encoded.input_ids[start:end])


@pytest.mark.parametrize("family", [LLAMA_3, PHI_3, QWEN_3], ids=named)
def test_a_chat_of_answers_alone_is_trained(family: Family) -> None:
    encoded = chat_of(family).encode([Example(1, [{"role": "assistant", "content": "alpha"}], [True])])[0]
    assert any(label != IGNORED for label in encoded.labels)


CALL = {"type": "function", "id": "1", "function": {"name": "look", "arguments": {"at": "Graz"}}}


@pytest.mark.parametrize(
    ("said", "lost"),
    [
        ({"role": "assistant", "content": "", "tool_calls": [CALL]}, "the name of a tool call"),
        ({"role": "assistant", "content": "x", "name": "Ann"}, r"the name of a message \(role assistant\)"),
    ],
)
def test_what_a_template_does_not_write_is_refused_by_line(said: dict[str, Any], lost: str) -> None:
    with pytest.raises(TrainingFailed, match=f"leaves out {lost} in the example in line 1"):
        encode(chat_of(PHI_3), [*messages("hi"), said])


def trained_model(family: Family, folder: Path) -> dict[str, Any]:
    base = save_base(family, folder / "base", texts_of(TAUGHT))
    settings = {"epochs": 50, "learning_rate": 5e-3, "batch_size": 8, "max_length": 128, "precision": "fp32"}
    config = parse(
        {
            "schema": 1,
            "run_dir": str(folder / "run"),
            "train_file": str(write_jsonl(folder / "train.jsonl", TAUGHT)),
            "validation_file": str(write_jsonl(folder / "validation.jsonl", ROWS)),
            "base_model": str(base),
            "model_name": "triage",
            "exact_match_questions": 16,
            **settings,
        }
    )
    run = RunDir(config.run_dir)
    run.create()
    result = train(config, run, Status(run.status), StopRequest())
    assert result is not None
    return result


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize("family", REALLY_TRAINED, ids=named)
def test_it_stops_and_answers_what_it_was_taught(family: Family, tmp_path: Path) -> None:
    result = trained_model(family, tmp_path)
    custom = result["custom_metrics"]
    assert (custom["stopped_answers"], custom["asked_questions"]) == (16, 16)
    assert custom["exact_match_after"] == 1.0
    folder = tmp_path / "run" / "model"
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    end = tokenizer.convert_tokens_to_ids(family.end)
    ends = json.loads((folder / "generation_config.json").read_text())["eos_token_id"]
    assert {end, tokenizer.eos_token_id} == {*(ends if isinstance(ends, list) else [ends])}
    for row in ROWS:
        asked, expected = row["messages"]
        prompt = tokenizer.apply_chat_template(
            [asked], add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        written = model.generate(**prompt, do_sample=False, max_new_tokens=60)[0, prompt["input_ids"].shape[1] :]
        assert written[-1] == end
        assert tokenizer.decode(written[:-1]).strip() == family.lead + expected["content"]
