"""What counts as the same question, the same example, and a copy: found in any disguise, and nothing more than that."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.testing.oracles.judge import Judge
from training_pipeline.testing.sheets.disguises import Chat, disguised_chat, sayings
from training_pipeline.testing.sheets.pairs import chat, pair
from training_pipeline.testing.soak import examples

ASKED = "Wie heißt der Patient über Zimmer 12?"
SYSTEM = [{"role": "system", "content": "Be brief."}]
EXAMPLE = chat("Was ist das?", "Geheim.")
CALLS = '[{"id":"c7","function":{"name":"look","arguments":{}}}]'


def turns(*texts: str) -> Chat:
    return [{"role": "assistant" if place % 2 else "user", "content": text} for place, text in enumerate(texts)]


def said(role: str, content: str, **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **fields}


def reason(judge: Judge, first: dict[str, Any], messages: Chat) -> str | None:
    """Why a pair with these messages is excluded beside the first one."""
    found = {row["pair_id"]: row["reason"] for row in judge([first, pair(2, messages=messages)])}
    of_other: str | None = found["p-000002"]
    return of_other


@pytest.mark.parametrize(
    "messages",
    [
        chat("WIE HEISST DER PATIENT ÜBER ZIMMER 12?", "x"),
        chat(unicodedata.normalize("NFD", ASKED), "x"),
        chat("\u200b" + ASKED, "x"),
        chat("\ufeff" + ASKED, "x"),
        chat(ASKED[:-1], "x"),
        chat(ASKED[:-1] + "\uff1f", "x"),
        chat(ASKED.replace("ß", "\u00adß"), "x"),
        SYSTEM + chat(ASKED, "x"),
        turns(ASKED, "a", "mehr", "b"),
        turns("Hallo", "Hi", ASKED, "c"),
        SYSTEM + turns("Hallo", "Hi", ASKED.upper(), "c", "?", "d"),
        [said("user", "Hallo."), *chat(ASKED, "x")],
        [said("user", ASKED), said("user", "Bitte."), said("assistant", "x")],
        [said("user", ASKED[:20]), said("user", ASKED[20:]), said("assistant", "x")],
        [*(said("user", ASKED[at : at + 5]) for at in range(0, len(ASKED), 5)), said("assistant", "x")],
        [said("user", ASKED), said("tool", "7"), said("assistant", "x")],
        [said("user", ASKED, tool_calls=CALLS), said("assistant", "x")],
        [*turns("Hallo", "Hi"), said("user", "Also:"), *chat(ASKED, "x")],
    ],
)
def test_a_held_out_question_is_found(judge: Judge, messages: Chat) -> None:
    held = pair(1, allowed_uses=["testing"], messages=chat(ASKED, "Meier"))
    assert reason(judge, held, messages) == "held_out_prompt"


@pytest.mark.parametrize(
    "messages",
    [chat(ASKED.replace("12", "13"), "x"), turns("Hallo", "Hi"), turns(ASKED + "x", "a"), turns("Hi", ASKED)],
)
def test_another_question_is_not(judge: Judge, messages: Chat) -> None:
    held = pair(1, allowed_uses=["testing"], messages=chat(ASKED, "Meier"))
    assert reason(judge, held, messages) is None


@pytest.mark.parametrize(
    "messages",
    [
        [EXAMPLE[0], {**EXAMPLE[1], "weight": 1.0}],
        [{**EXAMPLE[0], "name": ""}, EXAMPLE[1]],
        [EXAMPLE[0], {**EXAMPLE[1], "tool_call_id": "c"}],
        chat("Was ist das? ", "Geheim. "),
        chat("Was ist das", "GEHEIM"),
        chat(unicodedata.normalize("NFD", "Was ist das?"), "Ge\u00adheim"),
        SYSTEM + EXAMPLE,
        EXAMPLE + turns("y", "z"),
        turns("y", "z") + EXAMPLE,
        turns("y", "z") + EXAMPLE + turns("y", "z"),
        [said("user", "Hallo."), *EXAMPLE],
        [said("user", "Was ist"), said("user", "das?"), EXAMPLE[1]],
        [EXAMPLE[0], said("tool", "7"), EXAMPLE[1]],
        [said("user", "Was ist das?", tool_calls=CALLS), EXAMPLE[1]],
    ],
)
def test_a_prohibited_example_is_found(judge: Judge, messages: Chat) -> None:
    prohibited = pair(1, prohibited_uses=["training"], messages=EXAMPLE)
    assert reason(judge, prohibited, messages) == "identical_to_prohibited"


@pytest.mark.parametrize(
    "messages", [chat("Was ist das?", "Nichts."), turns("Was ist das?", "x", "Geheim.", "Geheim.")]
)
def test_another_answer_is_another_example(judge: Judge, messages: Chat) -> None:
    prohibited = pair(1, prohibited_uses=["training"], messages=EXAMPLE)
    assert reason(judge, prohibited, messages) is None


@pytest.mark.parametrize("length", [2, 12, 32])
@pytest.mark.parametrize("before", [1, 40])
def test_a_long_conversation_is_found_behind_another(judge: Judge, length: int, before: int) -> None:
    other, long = (
        turns(*(f"{word} {number}" for number in range(2 * of))) for word, of in (("x", before), ("s", length))
    )
    held = pair(1, allowed_uses=["testing"], messages=long)
    assert reason(judge, held, [*other, *long[:-1], said("assistant", "Another.")]) == "held_out_prompt"
    prohibited = pair(1, prohibited_uses=["training"], messages=long)
    assert reason(judge, prohibited, other + long) == "identical_to_prohibited"
    assert reason(judge, prohibited, [*other, *long[2:-1], said("assistant", "Another.")]) is None


def test_what_stands_in_a_longer_conversation_is_found_alone(judge: Judge) -> None:
    """As the split ties the two: whichever of them is the longer one."""
    longer = turns("Hallo", "Hi", "Was ist das?", "Geheim.")
    held = pair(1, allowed_uses=["testing"], messages=longer)
    prohibited = pair(1, prohibited_uses=["training"], messages=longer)
    assert reason(judge, held, chat("Was ist das?", "x")) == "held_out_prompt"
    assert reason(judge, held, turns("Was ist das?", "x", "Und nun?", "y")) == "held_out_prompt"
    assert reason(judge, prohibited, EXAMPLE) == "identical_to_prohibited"
    assert reason(judge, prohibited, longer[:2]) == "identical_to_prohibited"
    assert reason(judge, prohibited, chat("Was ist das?", "Nichts.")) is None
    assert reason(judge, prohibited, turns("Servus", "Na", "Was ist das?", "Geheim.")) is None
    assert reason(judge, held, turns("Servus", "Na", "Was ist das?", "x")) is None


def with_calls(*functions: Any) -> Chat:
    calls = [function if "function" in function else {"id": "c1", "function": function} for function in functions]
    return [said("user", "Find it."), said("assistant", "", tool_calls=json.dumps(calls))]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('{"name":"f","arguments":{"q":"7","n":1}}', '{"arguments":{"n":1.0,"q":"7"},"name":"f"}'),
        ('{"name":"f","arguments":{"q":"7"}}', r'{"name":"f","arguments":"{\"q\": \"\\u0037\"}"}'),
        ('{"name":"f"}', '{"name":"f","arguments":{}}'),
        ('{"name":"f"}', '{"name":"f","arguments":"{}"}'),
    ],
)
@pytest.mark.parametrize("others", ['"id":"c1",', '"index":0,', '"type":"function","id":"c2",'])
def test_a_call_in_another_spelling_is_the_same(judge: Judge, first: str, second: str, others: str) -> None:
    def messages(calls: str) -> Chat:
        return [said("user", "Find it."), said("assistant", "", tool_calls=calls)]

    prohibited = pair(1, prohibited_uses=["training"], messages=messages(f'[{{"function":{first}}}]'))
    assert reason(judge, prohibited, messages(f'[{{{others}"function":{second}}}]')) == "identical_to_prohibited"


#: Values that a call may have, and how else each may be written.
scalars = st.one_of(
    st.integers(-(10**6), 10**6),
    st.floats(-1000, 1000).map(lambda number: round(number, 3)),
    st.booleans(),
    st.none(),
    st.text(st.sampled_from('ab "\\\n7,:{}[]äß'), max_size=5),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def rewritten(draw: st.DrawFn, value: Any) -> Any:
    """The same value of JSON in another spelling."""
    if isinstance(value, dict):
        return {key: draw(rewritten(value[key])) for key in draw(st.permutations(sorted(value)))}
    if isinstance(value, list):
        return [draw(rewritten(each)) for each in value]
    if isinstance(value, int) and not isinstance(value, bool) and draw(st.booleans()):
        return float(value)
    return value


@settings(max_examples=examples(25))
@given(data=st.data(), arguments=st.dictionaries(st.sampled_from(["id", "a", "type", "q"]), values, max_size=4))
def test_a_call_is_the_same_however_it_is_written(judge: Judge, data: st.DataObject, arguments: dict[str, Any]) -> None:
    prohibited = pair(0, prohibited_uses=["training"], messages=with_calls({"name": "find", "arguments": arguments}))
    shown = []
    for _ in range(4):
        written: Any = data.draw(rewritten(arguments))
        if data.draw(st.booleans()):
            indent = data.draw(st.sampled_from([None, 1]))
            written = json.dumps(written, ensure_ascii=data.draw(st.booleans()), indent=indent)
        function = {"arguments": written, "name": "find"}
        others: dict[str, Any] = data.draw(
            st.sampled_from([{}, {"index": 0}, {"type": "function", "id": "c9"}, {"id": 7}])
        )
        shown.append(with_calls({**others, "function": function}))
    judged = judge([prohibited, *(pair(number, messages=each) for number, each in enumerate(shown, 1))])
    reasons = {row["pair_id"]: row["reason"] for row in judged}
    assert [reasons[f"p-{number:06d}"] for number in range(1, 5)] == ["identical_to_prohibited"] * 4


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"name": "f", "arguments": {"id": "7"}}, {"name": "f", "arguments": {"id": "8"}}),
        ({"name": "f", "arguments": {"n": 1}}, {"name": "f", "arguments": {"n": 1.5}}),
        ({"name": "f", "arguments": {"n": 1}}, {"name": "f", "arguments": {"n": "1"}}),
        ({"name": "f", "arguments": {"n": 1}}, {"name": "f", "arguments": {"m": 1}}),
        ({"name": "f", "arguments": {"of": "a", "to": "b"}}, {"name": "f", "arguments": {"of": "b", "to": "a"}}),
        ({"name": "f"}, {"name": "g"}),
    ],
)
def test_another_call_is_another_example(judge: Judge, first: Any, second: Any) -> None:
    prohibited = pair(1, prohibited_uses=["training"], messages=with_calls(first))
    assert reason(judge, prohibited, with_calls(second)) is None
    assert reason(judge, prohibited, with_calls(first, first)) is None


def called(arguments: str, call_id: str) -> Chat:
    calls = f'[{{"id":"{call_id}","function":{{"name":"find","arguments":"{arguments}"}}}}]'
    return [{"role": "user", "content": "Find it."}, {"role": "assistant", "content": None, "tool_calls": calls}]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (called("7", "c2"), "identical_to_prohibited"),
        (called("7", 'c\\"2'), "identical_to_prohibited"),
        (called("8", "c1"), None),
    ],
)
def test_tool_calls_count_without_their_ids(judge: Judge, messages: Chat, expected: str | None) -> None:
    prohibited = pair(1, prohibited_uses=["training"], messages=called("7", "c1"))
    assert reason(judge, prohibited, messages) == expected


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("-5", "5", False),
        ("C#", "C", False),
        ("Was", "was", False),
        ("a b", "ab", False),
        ("5", " 5\u3000", True),
        ("\u01e9", "k\u030c", True),
        ("\u212b", "\u00c5", True),
        ("\ufb01", "fi", False),
    ],
)
def test_a_copy_has_the_same_text_after_nfc_and_trimming(judge: Judge, first: str, second: str, same: bool) -> None:
    copied = reason(judge, pair(1, messages=chat("How?", first)), chat("How?", second))
    assert copied == ("duplicate" if same else None)


@pytest.mark.parametrize("asked", ["", "\u200b", " \u00ad\n"])
def test_an_empty_question_holds_nothing_out(judge: Judge, asked: str) -> None:
    held = pair(1, allowed_uses=["testing"], messages=chat(asked, "Meier"))
    assert reason(judge, held, [{"role": "assistant", "content": "Guten Tag."}]) is None


def test_a_question_of_punctuation_alone_is_one(judge: Judge) -> None:
    held = pair(1, allowed_uses=["testing"], messages=chat("?", "Meier"))
    assert reason(judge, held, chat("\uff1f", "x")) == "held_out_prompt"
    assert reason(judge, held, chat("!", "x")) is None


@settings(max_examples=examples(25))
@given(data=st.data(), asked=sayings, answered=sayings, before=st.booleans())
def test_no_disguise_of_a_held_out_question_is_included(
    judge: Judge, data: st.DataObject, asked: str, answered: str, before: bool
) -> None:
    said = turns("Erst das.", "Gut.") * before + chat(asked, answered)
    held = pair(0, allowed_uses=["evaluation"], prohibited_uses=["few_shot"], messages=said)
    shown = data.draw(st.lists(disguised_chat(said, answers=False), min_size=4, max_size=8))
    judged = judge([held, *(pair(number, messages=each) for number, each in enumerate(shown, 1))])
    reasons = {row["pair_id"]: row["reason"] for row in judged}
    assert [reasons[f"p-{number:06d}"] for number in range(1, len(shown) + 1)] == ["held_out_prompt"] * len(shown)


@settings(max_examples=examples(25))
@given(data=st.data(), asked=sayings, answered=sayings, before=st.booleans())
def test_no_disguise_of_a_prohibited_example_is_included(
    judge: Judge, data: st.DataObject, asked: str, answered: str, before: bool
) -> None:
    said = turns("Erst das.", "Gut.") * before + chat(asked, answered)
    prohibited = pair(0, status="rejected", prohibited_uses=["training"], messages=said)
    shown = data.draw(st.lists(disguised_chat(said), min_size=4, max_size=8))
    judged = judge([prohibited, *(pair(number, messages=each) for number, each in enumerate(shown, 1))])
    reasons = {row["pair_id"]: row["reason"] for row in judged}
    expected = ["identical_to_prohibited"] * len(shown)
    assert [reasons[f"p-{number:06d}"] for number in range(1, len(shown) + 1)] == expected
