from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from training_pipeline.sft.encoding.asked import asked_answer, prompt_of
from training_pipeline.sft.encoding.data import ChatFormat, Example
from training_pipeline.sft.errors import TrainingFailed

SAID: list[dict[str, Any]] = [
    {"role": "user", "content": "first?"},
    {"role": "assistant", "content": "\n\none"},
    {"role": "user", "content": "second?"},
    {"role": "assistant", "content": "two"},
    {"role": "user", "content": "third?"},
    {"role": "assistant", "content": "three"},
]


def test_the_last_answer_that_is_trained_is_asked_for(tiny_chat: ChatFormat) -> None:
    example = Example(1, SAID, [True, True, False], "p-1")
    (encoded,) = tiny_chat.encode([example])
    assert asked_answer(example) == 3
    assert prompt_of(example, encoded, tiny_chat) == tiny_chat.prompt(SAID[:3])
    other = replace(encoded, input_ids=[0, *encoded.input_ids])
    with pytest.raises(TrainingFailed, match="pair 'p-1' with another text than the example begins with") as raised:
        prompt_of(example, other, tiny_chat)
    assert raised.value.pair_ids == ("p-1",)
