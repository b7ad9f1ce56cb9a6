from __future__ import annotations

from typing import Any

from tokenizers import AddedToken

from training_pipeline.sft.encoding.digests import chat_template_sha256, tokenizer_sha256


def test_the_digest_of_a_tokenizer_is_that_of_its_rules_and_not_of_its_use(tiny_tokenizer: Any) -> None:
    before = tokenizer_sha256(tiny_tokenizer)
    tiny_tokenizer(["a", "longer text than that"], padding=True, truncation=True, max_length=3)
    tiny_tokenizer.chat_template = "{{ other }}"
    assert tokenizer_sha256(tiny_tokenizer) == before
    tiny_tokenizer.add_tokens([AddedToken("<|new|>", special=True)])
    assert tokenizer_sha256(tiny_tokenizer) != before
    assert chat_template_sha256("{{ other }}") != chat_template_sha256("{{ messages }}")
