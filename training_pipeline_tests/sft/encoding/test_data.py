from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.sft.encoding.chat_format import chat_format, marked, prefixed
from training_pipeline.sft.encoding.data import (
    IGNORED,
    ChatFormat,
    Encoded,
    Example,
    _token_range,
    read_examples,
)
from training_pipeline.sft.encoding.templates import CHATML
from training_pipeline.sft.errors import TrainingFailed
from training_pipeline.testing.soak import examples
from training_pipeline.testing.trainers.triage import write_jsonl

CHAT: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Weather in Graz?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": json.dumps([{"type": "function", "function": {"name": "look", "arguments": '{"at": "Graz"}'}}]),
    },
    {"role": "tool", "name": "look", "tool_call_id": "1", "content": "snow"},
    {"role": "assistant", "content": "Snow, ☃ again.", "weight": 1},
]


def one(path: Path, messages: list[dict[str, Any]]) -> Example:
    return next(read_examples(write_jsonl(path / "one.jsonl", [{"messages": messages}]), "train_file"))


def trained_text(chat: ChatFormat, encoded: Encoded) -> list[str]:
    return [chat.tokenizer.decode(encoded.input_ids[start:end]) for start, end in encoded.spans]


def test_only_what_the_assistant_says_is_trained_with_its_end_token(tiny_chat: ChatFormat, tmp_path: Path) -> None:
    encoded = tiny_chat.encode([one(tmp_path, CHAT)])[0]
    call, answer = trained_text(tiny_chat, encoded)
    assert json.loads(call.removeprefix("\n<tool_call>").removesuffix("</tool_call><|im_end|>")) == {
        "type": "function",
        "function": {"name": "look", "arguments": {"at": "Graz"}},
    }
    assert answer == "Snow, ☃ again.<|im_end|>"
    inside = {index for start, end in encoded.spans for index in range(start, end)}
    for index, (token, label) in enumerate(zip(encoded.input_ids, encoded.labels, strict=True)):
        assert label == (token if index in inside else IGNORED)
    whole = tiny_chat.tokenizer.decode(encoded.input_ids)
    assert whole.startswith("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWeather in Graz?<|im_end|>\n")
    assert "<|im_start|>tool look\nsnow<|im_end|>" in whole


def test_a_message_of_weight_0_is_not_trained(tiny_chat: ChatFormat, tmp_path: Path) -> None:
    chat = [{**message, "weight": 0} if message["content"] is None else message for message in CHAT]
    encoded = tiny_chat.encode([one(tmp_path, chat)])[0]
    assert trained_text(tiny_chat, encoded) == ["Snow, ☃ again.<|im_end|>"]


content = st.text(st.characters(codec="utf-8", exclude_characters="<"), max_size=30)
turns = st.lists(st.tuples(content, content.filter(str.strip)), min_size=1, max_size=3)


@settings(max_examples=examples(60), deadline=None)
@given(turns=turns)
def test_every_answer_is_trained_whole_and_both_ways_of_finding_it_agree(
    tiny_chat: ChatFormat, turns: list[tuple[str, str]]
) -> None:
    messages = [
        {"role": role, "content": text}
        for turn in turns
        for role, text in zip(("user", "assistant"), turn, strict=True)
    ]
    example = Example(1, messages, [True] * len(turns))
    encoded = tiny_chat.encode([example])[0]
    # A token may hold the line break before an answer together with white space that the answer begins with.
    for (_, answer), text in zip(turns, trained_text(tiny_chat, encoded), strict=True):
        assert text.lstrip() == answer.lstrip() + "<|im_end|>"
    text, spans = marked(tiny_chat.tokenizer, CHATML)(messages, None)
    other_text, other_spans = prefixed(tiny_chat.tokenizer, CHATML)(messages, None)
    assert text == other_text
    assert [text[start:end] + "\n" for start, end in spans] == [text[start:end] for start, end in other_spans]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"messages": []}',
        '{"messages": [{"content": "x"}]}',
        '{"messages": [{"role": "user", "content": 3}]}',
        "\xff",
    ],
)
def test_a_line_that_is_no_chat_is_named_and_not_quoted(tmp_path: Path, line: str) -> None:
    path = tmp_path / "train.jsonl"
    good = json.dumps({"messages": [{"role": "user", "content": "secret"}]}).encode()
    path.write_bytes(good + b"\n" + line.encode("latin-1") + b"\n")
    with pytest.raises(TrainingFailed, match="train_file: the example in line 2 is not a chat example") as raised:
        list(read_examples(path, "train_file"))
    with pytest.raises(TrainingFailed, match="train_file: pair 'b' is not a chat example") as with_ids:
        list(read_examples(path, "train_file", ids=["a", "b"]))
    assert (raised.value.pair_ids, with_ids.value.pair_ids) == ((), ("b",))
    assert "secret" not in f"{raised.value}{with_ids.value}"


TOOLS: list[dict[str, Any]] = [
    {"type": "function", "function": {"name": "look", "parameters": {"properties": {"at": {}}}}}
]


@pytest.mark.parametrize("tools", [TOOLS, json.dumps(TOOLS)])
def test_tool_definitions_stand_in_the_prompt_and_are_not_trained(
    tiny_chat: ChatFormat, tmp_path: Path, tools: Any
) -> None:
    source = write_jsonl(tmp_path / "one.jsonl", [{"messages": CHAT, "tools": tools}, {"messages": CHAT, "tools": []}])
    with_tools, without = read_examples(source, "train_file")
    assert (with_tools.tools, without.tools) == (TOOLS, None)
    encoded, plain = tiny_chat.encode([with_tools, without])
    assert trained_text(tiny_chat, encoded) == trained_text(tiny_chat, plain)
    written = tiny_chat.tokenizer.decode(encoded.input_ids)
    assert written.startswith(f"<|im_start|>tools\n{json.dumps(TOOLS)}<|im_end|>\n<|im_start|>system")
    prompt = tiny_chat.prompt(with_tools.messages[:-1], with_tools.tools)
    assert encoded.input_ids[: len(prompt)] == prompt


def test_a_pair_whose_tool_definitions_the_template_leaves_out_is_refused(tiny_tokenizer: Any, tmp_path: Path) -> None:
    tiny_tokenizer.chat_template = CHATML.replace("{%- if tools -%}", "{%- if false -%}", 1)
    source = write_jsonl(tmp_path / "one.jsonl", [{"messages": CHAT, "tools": TOOLS}])
    example = next(read_examples(source, "train_file", ids=["p-1"]))
    with pytest.raises(TrainingFailed, match="leaves out the name of a tool definition in pair 'p-1'"):
        chat_format(tiny_tokenizer, "x").encode([example])


@pytest.mark.parametrize("tools", ["look", [1], {"name": "look"}, 5])
def test_what_is_no_list_of_tool_definitions_is_refused(tmp_path: Path, tools: Any) -> None:
    source = write_jsonl(tmp_path / "one.jsonl", [{"messages": CHAT, "tools": tools}])
    with pytest.raises(TrainingFailed, match="pair 'p-1' is not a chat example"):
        next(read_examples(source, "train_file", ids=["p-1"]))


def test_tool_arguments_that_are_no_json_are_named_by_their_pair(tmp_path: Path) -> None:
    call = {"type": "function", "function": {"name": "look", "arguments": "{at: Graz"}}
    row: dict[str, Any] = {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call]}]}
    source = write_jsonl(tmp_path / "train.jsonl", [row])
    with pytest.raises(TrainingFailed, match="pair 'bad' calls a tool with arguments that are no JSON") as raised:
        list(read_examples(source, "train_file", ids=["bad"]))
    assert "Graz" not in str(raised.value)


def test_a_template_that_does_not_know_a_role_names_line_and_roles(tiny_tokenizer: Any) -> None:
    tiny_tokenizer.chat_template = CHATML.replace(
        "{%- for message in messages -%}",
        "{%- for message in messages -%}"
        "{%- if message['role'] == 'system' -%}{{ raise_exception('secret') }}{%- endif -%}",
        1,
    )
    chat = chat_format(tiny_tokenizer, "x")
    example = Example(4, [{"role": "system", "content": "s"}, {"role": "assistant", "content": "a"}], [True])
    with pytest.raises(TrainingFailed, match=r"line 4 \(roles: system, assistant\)"):
        chat.encode([example])


@pytest.mark.parametrize(
    ("span", "tokens"), [((2, 6), (1, 3)), ((3, 6), (1, 3)), ((6, 7), (3, 4)), ((0, 7), (0, 4)), ((3, 3), (1, 1))]
)
def test_a_word_that_takes_its_space_along_belongs_to_the_answer(
    span: tuple[int, int], tokens: tuple[int, int]
) -> None:
    assert _token_range([(0, 2), (2, 5), (5, 6), (6, 7)], span) == tokens
