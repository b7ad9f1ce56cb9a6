from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from training_pipeline.sft.encoding.asked import asked_answer, prompts_of
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
    assert prompts_of([example], [encoded], tiny_chat, "train_file") == [tiny_chat.prompt(SAID[:3])]
    start, end = encoded.spans[-1]
    for other in (
        replace(encoded, input_ids=[0, *encoded.input_ids]),
        replace(encoded, spans=[*encoded.spans[:-1], (start + 1, end)]),
    ):
        with pytest.raises(
            TrainingFailed, match=r"train_file: .* pair 'p-1' with another text than the example begins with"
        ) as raised:
            prompts_of([example, example], [encoded, other], tiny_chat, "train_file")
        assert raised.value.pair_ids == ("p-1",)
