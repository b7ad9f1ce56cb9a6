"""The questions of `comparison.py` in Python, for one pair at a time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
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
    """A text for each message but those of the system: its role, content and tool calls. Pure."""
    said = []
    for message in messages:
        role = _ROLES.get(word_of(text_of(message.get("role"))), comparison.UNKNOWN)
        calls = text_of(message.get("tool_calls"))
        called = "" if calls is None else comparison.CALLS + loose(re.sub(comparison.CALL_ID, "", calls))
        content = message.get("content")
        if role != comparison.SYSTEM:
            said.append(role + loose(content if isinstance(content, str) else "") + called)
    return said


def questions(parts: list[str]) -> list[list[str]]:
    """The questions of what `spoken` returns, in their order. Pure.

    For each a hash of everything said so far, then those of the latest turns, marked by `+`, and of its own turn alone,
    marked by `*`; none where its turn asks nothing.
    """
    answers = [place for place, part in enumerate(parts) if part.startswith(comparison.ANSWER)]
    unanswered = [len(parts)] if parts and not parts[-1].startswith(comparison.ANSWER) else []
    found = []
    for end in (*answers, *unanswered):
        starts = [answer + 1 for answer in answers if answer < end]
        last = max(starts, default=0)
        own = "".join(parts[last:end])
        later = [
            (comparison.ALONE if start == last else comparison.LATER) + _hash(parts[start:end])
            for start in starts[-comparison.LATEST :]
        ]
        found.append([_hash(parts[:end]), *later] if re.search(comparison.VISIBLE, own) else [])
    return found


def asked(parts: list[str]) -> list[str]:
    """What `Comparison.of` calls `asked`: all hashes once, the marked ones first. Pure."""
    return sorted({each for question in questions(parts) for each in question})


def _hash(parts: list[str]) -> str:
    return hashlib.sha256("".join(parts).encode()).hexdigest()[: comparison.HASH_DIGITS]
