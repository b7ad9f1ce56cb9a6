"""The hashes that earlier gate policies gave to questions: manifests of their time have them, and no others."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from training_pipeline.domain.rules.examples.chat_format import word_of
from training_pipeline.domain.rules.spoken import ANSWER, SYSTEM, TOOL, UNKNOWN, USER
from training_pipeline.domain.rules.text.plain_form import loose
from training_pipeline.domain.rules.text.white_space import WHITE_SPACE
from training_pipeline.domain.rules.turns import HASH_DIGITS, VISIBLE

_SEPARATOR: Final = "\x1f"
_ROLES: Final = {"user": USER, "assistant": ANSWER, "tool": TOOL, "system": SYSTEM}
_CALLS: Final = "C"
_ID: Final = r'"id":"(?:[^"\\]|\\.)*"'
_CALL_ID: Final = f"{_ID},|,?{_ID}"


def questions_of_policy_6(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """What gate policies 4 to 6 took for the questions that are asked outright: each text with all before it, and the
    calls of tools as they were written, but for their ids.
    """
    parts = [part for part in map(_said, messages) if not part.startswith(SYSTEM)]
    ends = [place for place, part in enumerate(parts) if part.startswith(ANSWER)]
    begins = [0, *(end + 1 for end in ends)]
    if parts and begins[-1] < len(parts):
        ends.append(len(parts))
    asking = [end for begin, end in zip(begins, ends, strict=False) if re.search(VISIBLE, "".join(parts[begin:end]))]
    return [_hash("".join(parts[:end])) for end in asking]


def _said(message: Mapping[str, Any]) -> str:
    calls = message.get("tool_calls")
    called = "" if calls is None else _CALLS + loose(re.sub(_CALL_ID, "", calls))
    return _ROLES.get(word_of(message["role"]), UNKNOWN) + loose(message["content"] or "") + called


def question_of_policy_3(messages: Sequence[Mapping[str, Any]]) -> str:
    """The hash of the one question that gate policies 1 to 3 knew: all before the last answer, without case and white
    space.
    """
    answers = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
    parts = (
        f"{message['role'] or ''}{_SEPARATOR}{(message['content'] or '').replace(_SEPARATOR, _SEPARATOR * 2)}"
        for message in messages[: answers[-1] if answers else None]
    )
    lowered = _SEPARATOR.join(parts).lower().replace("\u03c2", "\u03c3")
    text = lowered.translate(dict.fromkeys(map(ord, WHITE_SPACE)))
    return _hash(text)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]
