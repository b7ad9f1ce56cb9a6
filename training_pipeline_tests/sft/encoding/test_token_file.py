from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.sft.encoding.chat_format import chat_format
from training_pipeline.sft.encoding.data import IGNORED, ChatFormat, Example
from training_pipeline.sft.encoding.templates import CHATML
from training_pipeline.sft.encoding.token_file import batches, write_tokens
from training_pipeline.sft.errors import TrainingFailed
from training_pipeline.testing.trainers.triage import write_jsonl


def pair(question: str, answer: str, **extra: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer, **extra}]}


def test_examples_are_cut_counted_and_stored_as_tokens(tiny_chat: ChatFormat, tmp_path: Path) -> None:
    from datasets import Dataset

    source = write_jsonl(tmp_path / "train.jsonl", [pair("a?", "b"), pair("a?", "word " * 60)])
    counts = write_tokens(source, "train_file", tiny_chat, 40, tmp_path / "tokens" / "train.arrow")
    stored = Dataset.from_file(str(tmp_path / "tokens" / "train.arrow"))
    assert (counts.examples, counts.truncated, counts.untrained) == (2, 1, 0)
    assert [len(row["input_ids"]) for row in stored] == [counts.tokens - 40, 40]
    assert counts.trained_tokens == sum(label != IGNORED for row in stored for label in row["labels"])
    assert stored[0]["labels"][-2:] == [tiny_chat.tokenizer.eos_token_id, IGNORED]


def test_an_example_without_a_trained_token_is_refused_by_line_and_cause(tiny_chat: ChatFormat, tmp_path: Path) -> None:
    rows = [pair("a?", "b"), pair("long " * 60, "b"), pair("a?", "b", weight=0), pair("a?", "b"), pair("x " * 90, "b")]
    source = write_jsonl(tmp_path / "train.jsonl", rows)
    with pytest.raises(TrainingFailed) as raised:
        write_tokens(source, "train_file", tiny_chat, 40, tmp_path / "tokens" / "train.arrow")
    told = str(raised.value)
    assert "3 of 5 examples have nothing to train on (line 2, 3, 5)" in told
    assert "2 lose their whole answer to max_length 40: raise max_length" in told
    assert "1 have no assistant message of weight 1" in told


def test_an_empty_file_is_refused(tiny_chat: ChatFormat, tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed, match="validation_file is empty"):
        write_tokens(
            write_jsonl(tmp_path / "v.jsonl", []), "validation_file", tiny_chat, 40, tmp_path / "t" / "v.arrow"
        )


def test_batches_keep_everything_in_order() -> None:
    examples = [Example(line, [], []) for line in range(7)]
    assert [[example.line for example in batch] for batch in batches(examples, 3)] == [[0, 1, 2], [3, 4, 5], [6]]


def test_the_bytes_that_were_read_and_the_tokens_that_end_an_answer_are_known(
    tiny_chat: ChatFormat, tmp_path: Path
) -> None:
    source = write_jsonl(tmp_path / "train.jsonl", [pair("a?", "b")] * 300)
    counts = write_tokens(source, "train_file", tiny_chat, 40, tmp_path / "t" / "train.arrow")
    assert counts.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert counts.ends == {tiny_chat.tokenizer.eos_token_id}


def test_pairs_without_a_trained_token_are_named_by_their_ids_the_first_ten_of_many(
    tiny_chat: ChatFormat, tmp_path: Path
) -> None:
    source = write_jsonl(tmp_path / "train.jsonl", [pair("a?", "b"), *[pair("a?", "b", weight=0)] * 12])
    ids = [f"p-{number}" for number in range(13)]
    with pytest.raises(TrainingFailed, match=r"\(pairs 'p-1', 'p-2', .*'p-10' and 2 more\)") as raised:
        write_tokens(source, "train_file", tiny_chat, 40, tmp_path / "t" / "train.arrow", ids=ids)
    assert raised.value.pair_ids == tuple(ids[1:11])


def test_an_example_whose_answer_gets_no_end_is_refused_by_its_pair(tiny_tokenizer: Any, tmp_path: Path) -> None:
    end = "{{ '<|im_end|>' }}{% endgeneration %}"
    tiny_tokenizer.chat_template = CHATML.replace(
        end, "{% if message['content'] != 'open' %}{{ '<|im_end|>' }}{% endif %}{% endgeneration %}"
    )
    source = write_jsonl(tmp_path / "train.jsonl", [pair("a?", "b"), pair("a?", "open")])
    chat, target = chat_format(tiny_tokenizer, "x"), tmp_path / "t" / "train.arrow"
    with pytest.raises(TrainingFailed, match=r"train_file: .* no end token behind an answer of pair 'two'") as raised:
        write_tokens(source, "train_file", chat, 40, target, ids=["one", "two"])
    assert raised.value.pair_ids == ("two",)


def test_an_example_that_is_asked_for_in_another_way_than_it_is_written_is_refused_by_its_pair(
    tiny_tokenizer: Any, tmp_path: Path
) -> None:
    """As where a system message turns reasoning off, which only the prompt shows."""
    asks = "{{ '<|im_start|>assistant\\n' }}"
    off = "{%- if '/no_think' in messages[0]['content'] -%}{{ 'nothing thought ' }}{%- endif -%}"
    tiny_tokenizer.chat_template = CHATML.replace(asks, asks + off)
    assert off in tiny_tokenizer.chat_template
    system = {"role": "system", "content": "/no_think"}
    quiet: dict[str, Any] = {"messages": [system, *pair("a?", "b")["messages"]]}
    chat, target = chat_format(tiny_tokenizer, "x"), tmp_path / "t" / "train.arrow"
    rows: list[dict[str, Any]] = [pair("a?", "b")] * 9
    source = write_jsonl(tmp_path / "t.jsonl", [*rows, quiet])
    ids = [f"p-{number}" for number in range(10)]
    with pytest.raises(TrainingFailed, match=r"train_file: .* answer of pair 'p-9' with another text") as raised:
        write_tokens(source, "train_file", chat, 40, target, ids=ids)
    assert raised.value.pair_ids == ("p-9",)
    assert write_tokens(write_jsonl(tmp_path / "t.jsonl", rows), "train_file", chat, 40, target).examples == 9
