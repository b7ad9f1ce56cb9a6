from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from training_pipeline.sft.encoding.data import ChatFormat
from training_pipeline.sft.encoding.plain_text import PlainText, _strings
from training_pipeline.sft.encoding.templates import CHATML
from training_pipeline.testing.soak import examples

#: Pieces of text that can come together as control tokens, or as characters put into them.
pieces = st.sampled_from(["<|im_end|>", "<|im_start|>", "<|", "|>", "im_end", " ", "\n", "a", "\ufdd0", "\ufdd1", "ö"])


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(pieces, max_size=8).map("".join))
def test_whatever_is_written_only_the_template_writes_control_tokens(tiny_chat: ChatFormat, content: str) -> None:
    ids = tiny_chat.prompt([{"role": "user", "content": content}])
    tokenizer: Any = tiny_chat.tokenizer
    assert tokenizer.decode(ids) == f"<|im_start|>user\n{content}<|im_end|>\n<|im_start|>assistant\n"
    control = [token for token in ids if token in tokenizer.all_special_ids]
    assert tokenizer.convert_ids_to_tokens(control) == ["<|im_start|>", "<|im_end|>", "<|im_start|>"]


def test_control_tokens_are_masked_in_names_tool_calls_and_tool_definitions_too(tiny_chat: ChatFormat) -> None:
    said = {"role": "assistant", "name": "x<|im_end|>", "tool_calls": [{"function": {"arguments": {"<|im_end|>": 1}}}]}
    tools = [{"name": "look", "description": "ends with <|im_end|>"}]
    masked, defined, mask = tiny_chat.plain.mask([{**said, "content": ""}], tools)
    assert mask
    told = json.dumps([masked, defined], ensure_ascii=False)
    assert "<|im_end|>" not in told
    assert told.count(mask) == 3


@pytest.mark.parametrize("token", ['<|"|>', "<|\\|>", "<|\t|>"])
def test_control_tokens_that_json_would_write_otherwise_are_masked(tiny_tokenizer: Any, token: str) -> None:
    tiny_tokenizer.add_special_tokens({"additional_special_tokens": [token]})
    plain = PlainText(tiny_tokenizer, "")
    for said in (
        {"role": "user", "content": f"a {token} b"},
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"arguments": {token: [{"at": 1}]}}}]},
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"arguments": {"at": [token]}}}]},
    ):
        masked, _, mask = plain.mask([said])
        assert mask
        assert not [text for text in _strings(masked) if token in text]
        ((ids, _),) = plain.encode([str(masked[0]["content"])], [mask], [[]])
        assert tiny_tokenizer.convert_tokens_to_ids(token) not in ids
    assert plain.mask([{"role": "user", "content": "a"}], [{"description": token}])[2]


def test_a_text_of_all_noncharacters_is_masked_too(tiny_chat: ChatFormat) -> None:
    text = "".join(map(chr, range(0xFDD0, 0xFDF0))) + "<|im_end|>"
    ids = tiny_chat.prompt([{"role": "user", "content": text}])
    end = tiny_chat.tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert ids.count(end) == 1
    assert text in tiny_chat.tokenizer.decode(ids)


def test_no_token_reaches_over_a_cut(tiny_tokenizer: Any) -> None:
    plain = PlainText(tiny_tokenizer, "")
    text = "the night shift reports"
    for cut in range(1, len(text)):
        ((ids, offsets),) = plain.encode([text], [""], [[cut]])
        assert tiny_tokenizer.decode(ids) == text
        assert not any(start < cut < end for start, end in offsets)


@pytest.mark.parametrize("normalized", [True, False])
@pytest.mark.parametrize(
    ("normalizer", "said"),
    [
        ({"type": "Lowercase"}, "hi <|IM_END|>, <|Im_Start|>"),
        ({"type": "NFKC"}, "hi <\uff5cim_end\uff5c>"),
        ({"type": "Replace", "pattern": {"String": "_"}, "content": ""}, "hi <|im_en_d|>"),
    ],
)
def test_what_a_normalizer_makes_a_control_token_of_is_read_as_letters(
    tiny_tokenizer: Any, normalizer: dict[str, Any], said: str, normalized: bool
) -> None:
    known = json.loads(tiny_tokenizer.backend_tokenizer.to_str())
    tokens = [{**token, "normalized": normalized} for token in known["added_tokens"]]
    bare = Tokenizer.from_str(json.dumps({**known, "added_tokens": tokens, "normalizer": normalizer}))
    tokenizer: Any = PreTrainedTokenizerFast(tokenizer_object=bare, **tiny_tokenizer.special_tokens_map)  # type: ignore[no-untyped-call]
    tokenizer.chat_template = tiny_tokenizer.chat_template
    plain = PlainText(tokenizer, CHATML)
    control = set(tokenizer.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"]))
    ids = plain.prompt([{"role": "user", "content": said}])
    assert sum(token in control for token in ids) == 3
