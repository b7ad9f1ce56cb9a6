from __future__ import annotations

from typing import Any

import pytest
from trl.chat_template_utils import qwen2_5_chat_template

from training_pipeline.sft.encoding.chat_format import chat_format
from training_pipeline.sft.encoding.data import Example
from training_pipeline.sft.encoding.templates import CHATML, PLAIN
from training_pipeline.sft.errors import TrainingFailed

EXAMPLE = Example(1, [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}], [True])

#: ChatML without marks, as many models ship it; unknown to TRL letter for letter.
UNMARKED = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def trained(tokenizer: Any) -> tuple[str, str]:
    """The source of the template, and the text that is trained on."""
    chat = chat_format(tokenizer, "some/model")
    encoded = chat.encode([EXAMPLE])[0]
    start, end = encoded.spans[0]
    return chat.source, tokenizer.decode(encoded.input_ids[start:end])


def test_a_template_with_marks_is_used_as_it_is(tiny_tokenizer: Any) -> None:
    assert trained(tiny_tokenizer) == ("its own chat template", "two<|im_end|>")


def test_a_template_that_trl_knows_is_trained_in_its_variant_and_kept_in_the_model(tiny_tokenizer: Any) -> None:
    tiny_tokenizer.chat_template = qwen2_5_chat_template
    source, text = trained(tiny_tokenizer)
    assert "TRL" in source
    assert text.strip() == "two<|im_end|>"
    assert tiny_tokenizer.chat_template == qwen2_5_chat_template


def test_answers_are_found_by_their_prefix_where_nothing_marks_them(tiny_tokenizer: Any) -> None:
    tiny_tokenizer.chat_template = UNMARKED
    source, text = trained(tiny_tokenizer)
    assert "prefix" in source
    assert text == "two<|im_end|>"


def test_a_template_that_rewrites_the_past_is_refused(tiny_tokenizer: Any) -> None:
    tiny_tokenizer.chat_template = "{{ messages | length }}" + UNMARKED
    with pytest.raises(TrainingFailed, match="cannot be told apart"):
        chat_format(tiny_tokenizer, "some/model")


def test_a_template_that_never_ends_an_answer_is_refused(tiny_tokenizer: Any) -> None:
    tiny_tokenizer.chat_template = CHATML.replace("{{ '<|im_end|>' }}{% endgeneration %}", "{% endgeneration %}")
    with pytest.raises(TrainingFailed, match="never learn to stop"):
        chat_format(tiny_tokenizer, "some/model")


def test_a_model_without_a_template_is_given_the_plain_one(tiny_tokenizer: Any) -> None:
    tiny_tokenizer.chat_template = None
    source, text = trained(tiny_tokenizer)
    assert "plain" in source
    assert text.strip() == "two<|im_end|>"
    assert tiny_tokenizer.chat_template == PLAIN
    prompt = chat_format(tiny_tokenizer, "x").prompt(EXAMPLE.messages[:1])
    assert tiny_tokenizer.decode(prompt) == "User: one\nAssistant:"


def test_a_model_without_template_and_end_token_is_refused(tiny_tokenizer: Any) -> None:
    tiny_tokenizer.chat_template = tiny_tokenizer.eos_token = None
    with pytest.raises(TrainingFailed, match="neither a chat template nor an end token"):
        chat_format(tiny_tokenizer, "some/model")
