"""What counts as the same question, the same example, and a copy: found in any disguise, and nothing more than that."""

from __future__ import annotations

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


def turns(*texts: str) -> Chat:
    return [{"role": "assistant" if place % 2 else "user", "content": text} for place, text in enumerate(texts)]


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
