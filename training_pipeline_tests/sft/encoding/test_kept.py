from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from training_pipeline.sft.encoding.kept import Kept, Message

CALL = {"type": "function", "function": {"name": "look", "arguments": {"at": "Graz", "days": 2}}}
CHAT: list[Message] = [
    {"role": "user", "name": "Ann", "content": "Weather?"},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "name": "look", "tool_call_id": "1", "content": "snow"},
    {"role": "assistant", "content": "Snow."},
]


def lost(write: Any, messages: Sequence[Message] = CHAT) -> str | None:
    return Kept(write).lost(messages, write(messages))


def without(*left_out: str) -> Any:
    """A writer that leaves out keys of messages and of functions."""

    def write(messages: Sequence[Message], tools: Sequence[Message] | None = None) -> str:
        kept = []
        for message in messages:
            calls = [
                {key: value for key, value in call["function"].items() if key not in left_out}
                for call in message.get("tool_calls", ())
            ]
            said = {key: value for key, value in message.items() if key not in {*left_out, "tool_calls"}}
            kept.append({**said, "calls": calls})
        return str(kept) + ("" if "tools" in left_out else str(tools))

    return write


def test_a_template_that_writes_everything_loses_nothing() -> None:
    assert lost(without()) is None
    assert lost(without("tool_call_id")) is None


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        (("content",), "a part of the content of a message (role user)"),
        (("name", "content"), "a part of the content of a message (role user)"),
        (("arguments",), "an argument of a tool call"),
        (("name",), "the name of a message (role user)"),
    ],
)
def test_what_is_left_out_is_named_and_not_quoted(left_out: tuple[str, ...], said: str) -> None:
    assert lost(without(*left_out)) == said


def test_a_short_content_that_stands_elsewhere_is_missed_all_the_same() -> None:
    def write(messages: Sequence[Message], _: Sequence[Message] | None = None) -> str:
        return "assistant: " + str(messages[-1]["content"])

    said = [{"role": "system", "content": "s"}, {"role": "assistant", "content": "yes"}]
    assert lost(write, said) == "the content of a message (role system)"


PARAMETERS = {"type": "object", "properties": {"Place": {"type": "string"}}}
TOOLS: list[Message] = [
    {"type": "function", "function": {"name": "look", "description": "Weather.", "parameters": PARAMETERS}}
]


@pytest.mark.parametrize("tools", [TOOLS, [TOOLS[0]["function"]], [{"type": "browser"}]])
def test_tool_definitions_that_are_written_lose_nothing(tools: list[Message]) -> None:
    write = without()
    assert Kept(write).lost(CHAT, write(CHAT, tools), tools) is None


@pytest.mark.parametrize(
    ("replaced", "said"),
    [
        ("definition0x", "the name of a tool definition"),
        ("definition1x", "the description of a tool definition"),
        ("definition2x", "a parameter of a tool definition"),
    ],
)
def test_a_tool_definition_that_is_left_out_is_named_and_not_quoted(replaced: str, said: str) -> None:
    write = without()
    kept = Kept(lambda messages, tools: write(messages, tools).replace(replaced, ""))
    assert kept.lost(CHAT, write(CHAT, TOOLS), TOOLS) == said
    assert Kept(without("tools")).lost(CHAT, write(CHAT), TOOLS) == "the name of a tool definition"
    assert Kept(without("tools")).lost(CHAT, write(CHAT)) is None


@pytest.mark.parametrize(
    "call", [{"name": "look", "arguments": {"at": "Graz"}}, {"id": "1", "function": "look"}, {"id": "1"}, {}, "look"]
)
def test_a_call_that_is_no_function_must_stand_in_the_text_too(call: Any) -> None:
    """Datasets of earlier gate policies may have some."""

    def write(messages: Sequence[Message], _: Sequence[Message] | None = None) -> str:
        calls = [call for message in messages for call in message.get("tool_calls", ())]
        named = [
            call["function"] for call in calls if isinstance(call, dict) and isinstance(call.get("function"), dict)
        ]
        return str([message["content"] for message in messages]) + str(named)

    asked: Message = {"role": "user", "content": "Weather?"}
    said, named = ([asked, {"role": "assistant", "content": "", "tool_calls": [each]}] for each in (call, CALL))
    told = "a tool call that is no function" if call and call != {"id": "1"} else "an empty tool call"
    assert (lost(write, said), lost(write, named)) == (told, None)
    assert lost(lambda messages, _=None: str(messages), said) == (None if told.endswith("function") else told)


WHOLE: list[Message] = [
    {
        "type": "function",
        "function": {
            "name": "look",
            "description": "Weather.",
            "strict": True,
            "parameters": {
                "type": "object",
                "properties": {
                    "on": {"type": "string", "description": "the day", "enum": ["user", "a"], "default": "a"},
                    "user": {"type": "object", "properties": {"tool": {"type": "integer", "maximum": 7}}},
                },
                "required": ["on"],
            },
        },
    }
]
SAID_OF_TOOLS = {
    "name": "the name",
    "description": "the description",
    "parameters": "a parameter",
    "properties": "a parameter",
    "enum": "the enum of a parameter",
    "default": "the default of a parameter",
    "maximum": "the maximum of a parameter",
}


def left_out(given: Any, key: str) -> Any:
    """`given` without what stands under this key, however deep."""
    if isinstance(given, list):
        return [left_out(each, key) for each in given]
    return {name: left_out(of, key) for name, of in given.items() if name != key} if isinstance(given, dict) else given


@pytest.mark.parametrize("key", ["", *SAID_OF_TOOLS, "required"])
def test_whatever_a_tool_definition_says_is_written_however_short_it_is(key: str) -> None:
    def write(messages: Sequence[Message], tools: Sequence[Message] | None = None) -> str:
        return f"user, assistant, tool, on, a, 7: {messages} {left_out(tools, key)}"

    said = f"{SAID_OF_TOOLS[key]} of a tool definition" if key in SAID_OF_TOOLS else None
    told = "which parameters of a tool definition are required" if key == "required" else said
    assert Kept(write).lost(CHAT, write(CHAT, WHOLE), WHOLE) == told


def test_reasoning_of_earlier_turns_is_not_missed_where_the_answer_says_the_same() -> None:
    def write(messages: Sequence[Message], _: Sequence[Message] | None = None) -> str:
        return " ".join(message["content"].rpartition("</think>")[2] for message in messages)

    said = [{"role": "user", "content": "a?"}, {"role": "assistant", "content": "<think>yes</think>yes"}]
    assert lost(write, said) == "the content of a message (role assistant)"


def test_the_name_of_an_argument_is_written_however_short_it_is() -> None:
    def write(messages: Sequence[Message], _: Sequence[Message] | None = None) -> str:
        return f"at, days: {left_out(messages, 'arguments')}" + "".join(
            str([*call["function"]["arguments"].values()])
            for message in messages
            for call in message.get("tool_calls", ())
        )

    assert lost(write) == "an argument of a tool call"
