"""The questions of `comparison.py` in Python, for one pair at a time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, Final

from training_pipeline.domain.rules import spoken as letters
from training_pipeline.domain.rules import turns as comparison
from training_pipeline.domain.rules.examples.called import called_in
from training_pipeline.domain.rules.examples.chat_format import text_of, word_of
from training_pipeline.domain.rules.text.plain_form import loose

_ROLES: Final = {
    "user": letters.USER,
    "assistant": letters.ANSWER,
    "tool": letters.TOOL,
    "system": letters.SYSTEM,
}


def spoken(messages: Iterable[Mapping[str, Any]]) -> list[str]:
    """A text for each message but those of the system: its letter and what it says, then the parts of what an answer
    calls, or, of the first of several messages that the user sends in a row, all of them as one.
    """
    said: list[str] = []
    messages = list(messages)
    for letter, group in groupby(messages, _letter):
        several = list(group)
        texts = [_said(message) for message in several]
        if letter == letters.USER and len(several) > 1 and len(messages) > letters.PLAIN:
            row = "".join(_content(message) for message in several[: letters.LONGEST_ROW])
            texts[0] += letters.ROW + loose(row)
        said += texts if letter != letters.SYSTEM else []
    return said


def _letter(message: Mapping[str, Any]) -> str:
    return _ROLES.get(word_of(text_of(message.get("role"))), letters.UNKNOWN)


def _said(message: Mapping[str, Any]) -> str:
    letter = _letter(message)
    calls = message.get("tool_calls") if letter == letters.ANSWER else None
    called = [] if calls is None else sorted(letters.CALLS + loose(part) for part in called_in(calls))
    return "".join([letter + loose(_content(message)), *called])


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""


def questions(parts: list[str]) -> list[list[str]]:
    """The questions of what `spoken` returns, in their order.

    For each a hash of everything said so far, then those of the latest turns, marked by `+`, and of its own turn alone,
    marked by `*`; then, where its turn has several messages, the same with one of the user's alone in it, all marked by
    `+`; none where its turn asks nothing.
    """
    turns = re.findall(comparison.TURN, "".join(parts))
    hashes = [_hash(_without_rows(turn)) for turn in turns]
    found = []
    for nth, turn in enumerate(turns):
        own = turn.partition(letters.ANSWER)[0]
        starts = sorted({0, *range(max(0, nth - comparison.LATEST + 1), nth + 1)})
        asked = [
            ("" if spelling == 0 and start == 0 else _mark(spelling, start == nth)) + _joined(hashes[start:nth], said)
            for spelling, said in enumerate(_spellings(own))
            for start in starts
        ]
        found.append(asked if re.search(comparison.VISIBLE, own) else [])
    return found


def _mark(spelling: int, alone: bool) -> str:
    return comparison.ALONE if alone and spelling == 0 else comparison.LATER


def _spellings(own: str) -> list[str]:
    """What a turn says, and, where it has several messages, what it would say with one of the user's alone."""
    single = re.search(comparison.ONE_MESSAGE, own)
    alone = [] if single else re.findall(comparison.OF_USER, own.replace(letters.ROW, letters.USER))
    return [_without_rows(own), *alone]


def _without_rows(text: str) -> str:
    return re.sub(comparison.IN_A_ROW, "", text)


def asked(parts: list[str]) -> list[str]:
    """What `Comparison.of` calls `asked`: all hashes once, the marked ones first."""
    return sorted({each for question in questions(parts) for each in question})


def _joined(before: list[str], own: str) -> str:
    """The hash of turns by their hashes, and of what the last one says."""
    return _hash("".join([*before, _hash(own)])) if before else _hash(own)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[: comparison.HASH_DIGITS]
