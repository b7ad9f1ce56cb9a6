"""The questions of `comparison.py` in Python, for one pair at a time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, Final

from training_pipeline.domain.rules import comparison
from training_pipeline.domain.rules.examples.chat_format import text_of, word_of
from training_pipeline.domain.rules.text.plain_form import loose

_ROLES: Final = {
    "user": comparison.USER,
    "assistant": comparison.ANSWER,
    "tool": comparison.TOOL,
    "system": comparison.SYSTEM,
}


def spoken(messages: Iterable[Mapping[str, Any]]) -> list[str]:
    """A text for each message but those of the system: its role, content and tool calls. Pure.

    Behind the first of several messages that the user sends in a row stand all of them as one.
    """
    said: list[str] = []
    for is_user, group in groupby(messages, lambda message: message.get("role") == "user"):
        several = list(group)
        texts = [_said(message) for message in several]
        if is_user and len(several) > 1:
            row = "".join(_content(message) for message in several[: comparison.LONGEST_ROW])
            texts.insert(1, comparison.ROW + loose(row))
        said += [text for text in texts if not text.startswith(comparison.SYSTEM)]
    return said


def _said(message: Mapping[str, Any]) -> str:
    role = _ROLES.get(word_of(text_of(message.get("role"))), comparison.UNKNOWN)
    calls = text_of(message.get("tool_calls")) if message.get("role") == "assistant" else None
    called = "" if calls is None else comparison.CALLS + loose(re.sub(comparison.CALL_ID, "", calls))
    return role + loose(_content(message)) + called


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""


def questions(parts: list[str]) -> list[list[str]]:
    """The questions of what `spoken` returns, in their order. Pure.

    For each a hash of everything said so far, then those of the latest turns, marked by `+`, and of its own turn alone,
    marked by `*`; then, where its turn has several messages, the same with one of the user's alone in it, all marked by
    `+`; none where its turn asks nothing.
    """
    answers = [place for place, part in enumerate(parts) if part.startswith(comparison.ANSWER)]
    unanswered = [len(parts)] if parts and not parts[-1].startswith(comparison.ANSWER) else []
    found = []
    for end in (*answers, *unanswered):
        starts = [answer + 1 for answer in answers if answer < end]
        last = max(starts, default=0)
        own = "".join(parts[last:end])
        before = ["".join(parts[start:last]) for start in (0, *starts[-comparison.LATEST :])]
        marks = [comparison.ALONE if start == last else comparison.LATER for start in starts[-comparison.LATEST :]]
        outright = [mark + _hash(said + own) for mark, said in zip(("", *marks), before, strict=True)]
        others = [comparison.LATER + _hash(said + turn) for turn in _single_messages(own) for said in before]
        found.append([*outright, *others] if re.search(comparison.VISIBLE, own) else [])
    return found


def _single_messages(own: str) -> list[str]:
    """What a turn of several messages would say with one of the user's alone."""
    if re.search(comparison.ONE_MESSAGE, own):
        return []
    return re.findall(comparison.OF_USER, own.replace(comparison.ROW, comparison.USER))


def asked(parts: list[str]) -> list[str]:
    """What `Comparison.of` calls `asked`: all hashes once, the marked ones first. Pure."""
    return sorted({each for question in questions(parts) for each in question})


def _hash(text: str) -> str:
    """Of what was said, without rows as one."""
    text = re.sub(comparison.IN_A_ROW, "", text)
    return hashlib.sha256(text.encode()).hexdigest()[: comparison.HASH_DIGITS]
