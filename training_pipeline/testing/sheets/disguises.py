"""The same question, the same example, written otherwise: texts and conversations in disguise."""

# ruff: noqa: RUF001 - letters that look like others are what these are about

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any, Final, Literal

from hypothesis import strategies as st

Chat = list[dict[str, Any]]

_INVISIBLE: Final = (
    "\ufffc\U0001d159\U00013430" + "\u200b\u200c\u200d\ufeff\u00ad\u2060\u180e\ufe0f\u034f\u061c\U000e0020\x00\x07\x7f"
)
_BLANK: Final = " \t\n\r\u00a0\u2003\u2028\u3000\u1680"
_PUNCTUATION: Final = (*"?!.…？。¿«»“”'()—*~|؟", " - ", "?!")
_FORMS: Final[tuple[Literal["NFC", "NFD", "NFKC", "NFKD"], ...]] = ("NFC", "NFD", "NFKC", "NFKD")
_WIDE: Final = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_LIGATURES: Final = {
    "ffi": "\ufb03",
    "fi": "\ufb01",
    "fl": "\ufb02",
    "st": "\ufb06",
    "IJ": "\u0132",
    "dz": "\u01f3",
    "...": "\u2026",
}


def _is_steady(character: str) -> bool:
    """Whether changing its case, or putting an accent beside it, makes no other text of it.

    Not so the dotless i of Turkish, whose capital is another letter's as well, and accents that stand alone.
    """
    cased = (character.upper(), character.lower(), character.title(), character.swapcase())
    return (
        all(each.casefold() == character.casefold() and max(each) < "\u3400" for each in cased)
        and not unicodedata.normalize("NFKD", character).startswith(" ")
        and unicodedata.ucd_3_2_0.category(character) != "Cn"
    )


_letters = st.characters(codec="utf-8", categories=("L", "N", "S"), max_codepoint=0x33FF).filter(_is_steady)
#: Questions and answers as people write them, and such as they do not.
sayings = st.one_of(
    st.sampled_from(
        [
            "Wie heißt der Patient über Zimmer 12?",
            "What is due, and when?",
            "Où est passée l'œuvre ?",
            "Почему ёлка мёрзнет, а йод нет?",
            "ΠΟΙΟΣ ΕΙΝΑΙ Ο ΣΩΚΡΑΤΗΣ;",
            "ガードは何ですか？",
            "환자의 이름은 무엇입니까?",
            "Zażółć gęślą jaźń!",
            "Efficient office of the first floor...",
            "-5",
            "C#",
        ]
    ),
    st.builds(lambda first, rest: first + rest, _letters.filter(str.isalnum), st.text(_letters, max_size=20)),
)


def _inserted(text: str, places: list[tuple[int, str]]) -> str:
    for place, what in places:
        at = place % (len(text) + 1)
        text = text[:at] + what + text[at:]
    return text


def _replaced(text: str, what: dict[str, str]) -> str:
    for plain, other in what.items():
        text = text.replace(plain, other)
    return text


_places = st.lists(st.tuples(st.integers(0, 60), st.sampled_from(_INVISIBLE + _BLANK)), min_size=1, max_size=4)
_ends = st.lists(st.sampled_from(_PUNCTUATION), max_size=2).map("".join)
_change: st.SearchStrategy[Callable[[str], str]] = st.one_of(
    st.sampled_from([str.upper, str.lower, str.swapcase, str.title, str.casefold]),
    st.sampled_from(_FORMS).map(lambda form: lambda text: unicodedata.normalize(form, text)),
    _places.map(lambda places: lambda text: _inserted(text, places)),
    st.tuples(_ends, _ends).map(lambda ends: lambda text: ends[0] + text + ends[1]),
    st.just(lambda text: text.translate(_WIDE)),
    st.just(lambda text: _replaced(text, _LIGATURES)),
    st.just(lambda text: _replaced(text, {"ß": "ss"})),
)


@st.composite
def disguised(draw: st.DrawFn, text: str) -> str:
    """The text as somebody else would write it, or somebody who means to be passed over."""
    for change in draw(st.lists(_change, min_size=1, max_size=4)):
        text = change(text)
    return text


_system = st.sampled_from([[], [{"role": "system", "content": "Be brief."}], [{"role": "system", "content": "."}]])
_other_turn = st.builds(
    lambda asked, answered: [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}],
    st.sampled_from(["Hallo", "And now?", "…"]),
    st.sampled_from(["Hi", "Go on."]),
)


def _numbered(numbers: list[int]) -> list[Chat]:
    """Turns that no conversation has."""
    return [
        [{"role": "user", "content": f"And {number} more?"}, {"role": "assistant", "content": f"{number}."}]
        for number in numbers
    ]


_turns = st.one_of(st.lists(_other_turn, max_size=3), st.just([*range(12)]).map(_numbered)).map(
    lambda turns: [message for turn in turns for message in turn]
)


_user = {"role": "user", "content": "Hm, wait."}
_tool = {"role": "tool", "content": "42", "tool_call_id": "c7"}
_uncalled = '[{"id":"c7","function":{"name":"look","arguments":{}}}]'


@st.composite
def _in_more_messages(draw: st.DrawFn, question: dict[str, Any]) -> Chat:
    """A question beside other messages of its turn, or cut into several; of no consequence are calls beside it."""
    said = question["content"]
    at = draw(st.integers(0, len(said)))
    cut = [part for part in (said[:at], said[at:]) if part.strip()]
    return draw(
        st.sampled_from(
            [
                [question],
                [_user, question],
                [question, _user],
                [question, _tool],
                [_tool, question],
                [_user, question, _user, _tool],
                [{**question, "content": part} for part in cut],
                [{**question, "tool_calls": _uncalled}],
            ]
        )
    )


@st.composite
def disguised_chat(draw: st.DrawFn, chat: Chat, *, answers: bool = True) -> Chat:
    """A valid conversation in which the messages of `chat` stand in disguise, their last question also cut into
    messages, or beside others; their last answer only with `answers`.
    """
    shown: Chat = []
    for message in chat:
        kept = answers or message is not chat[-1]
        written = draw(disguised(message["content"])) if kept else draw(st.sampled_from(["No.", "Nobody knows."]))
        is_last_question = len(chat) > 1 and message is chat[-2]
        said = {**message, "content": written}
        shown += [{**each} for each in draw(_in_more_messages(said))] if is_last_question else [said]
    whole = [*draw(_system), *draw(_turns), *shown, *draw(_turns)]
    for message in whole:
        irrelevant = {"name": ["", "bob"], "tool_call_id": ["c1"]}
        if message["role"] == "assistant":
            irrelevant["weight"] = [1.0]  # type: ignore[list-item]
        for key, values in irrelevant.items():
            if draw(st.integers(0, 3)) == 0:
                message[key] = draw(st.sampled_from(values))
    return whole
