from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from training_pipeline.sft.encoding.data import ChatFormat
from training_pipeline.sft.errors import TrainingFailed
from training_pipeline.sft.evaluation.suite_pairs import ask, read_pairs
from training_pipeline.testing.trainers.triage import write_jsonl


def staged(number: int, *messages: dict[str, Any]) -> dict[str, Any]:
    keys = {"training_sheet_id": "s", "pair_id": f"p-{number}", "classification": "public", "canonical_label_id": None}
    return {**keys, "sheet_id": "letters", "messages": list(messages)}


def test_a_pair_is_asked_for_its_last_answer(tiny_chat: ChatFormat, tmp_path: Path) -> None:
    first = [{"role": "user", "content": "one?"}, {"role": "assistant", "content": "yes"}]
    then = [{"role": "user", "content": "two?"}, {"role": "assistant", "content": " no "}]
    file = write_jsonl(tmp_path / "q.jsonl", [staged(1, *first, *then), staged(2, *first)])
    two, one = read_pairs(file)
    assert (two.key, one.key) == (("s", "p-1"), ("s", "p-2"))
    assert two.keys == {key: staged(1)[key] for key in two.keys}
    asked = ask(two, tiny_chat)
    assert (asked.expected, asked.question is not None) == ("no", True)
    assert tiny_chat.tokenizer.decode(asked.input_ids[: asked.start]).endswith(
        "two?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert tiny_chat.tokenizer.decode(asked.input_ids[asked.start :]).strip() == "no <|im_end|>"


def test_what_cannot_be_asked_is_said_and_stops_nothing(tiny_chat: ChatFormat, tmp_path: Path) -> None:
    nothing = staged(1, {"role": "user", "content": "one?"})
    untrained = staged(2, nothing["messages"][0], {"role": "assistant", "content": "secret", "weight": 0})
    for pair in read_pairs(write_jsonl(tmp_path / "q.jsonl", [nothing, untrained])):
        assert ask(pair, tiny_chat).question is None
    with pytest.raises(TrainingFailed, match="line 1") as refused:
        list(read_pairs(write_jsonl(tmp_path / "x.jsonl", [{"pair_id": "p", "messages": "secret"}])))
    assert "secret" not in str(refused.value)
