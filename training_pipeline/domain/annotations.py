"""What people write on a training job for one another: a note, and tags to find it by. It steers nothing."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Final

from pydantic import AfterValidator, Field

LONGEST_NOTE: Final = 2000
MOST_TAGS: Final = 20
#: A key, or a key and a value: `baseline`, `ticket:ML-17`. A comma stands between tags.
TAG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}(:[^,\s]([^,]{0,78}[^,\s])?)?")
#: Characters that turn the direction of what is written after them.
_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain_note(text: str) -> str:
    """The note without space around it, its lines ended by a line feed each. Raises `ValueError`."""
    note = text.replace("\r\n", "\n").strip()
    if len(note) > LONGEST_NOTE:
        raise ValueError(f"must have at most {LONGEST_NOTE:,} characters")
    if not _is_plain(note, but="\n\t"):
        raise ValueError("must be plain text, without control characters")
    return note


def plain_tags(tags: list[str]) -> list[str]:
    """The tags without space around them, each once, in their order. Raises `ValueError`."""
    found = list(dict.fromkeys(tag.strip() for tag in tags))
    if wrong := [tag for tag in found if not TAG.fullmatch(tag) or not _is_plain(tag)]:
        named = ", ".join(repr(tag[:80]) for tag in wrong[:3])
        raise ValueError(
            f"must be a key of up to 40 letters, digits, _ . and -, or key:value of up to 80 more and no comma: {named}"
        )
    if len(found) > MOST_TAGS:
        raise ValueError(f"must be at most {MOST_TAGS} tags")
    return found


def _is_plain(text: str, *, but: str = "") -> bool:
    return not any(
        one in _TURNING or (unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"} and one not in but) for one in text
    )


Note = Annotated[
    str,
    AfterValidator(plain_note),
    Field(
        description=f"Note about the job, as plain text; at most {LONGEST_NOTE} characters.",
        examples=["baseline before the new labels"],
    ),
]
Tags = Annotated[
    list[str],
    AfterValidator(plain_tags),
    Field(
        description=f"Tags to find it by, each a key or key:value, without commas; at most {MOST_TAGS}.",
        examples=[["baseline", "ticket:ML-17"]],
    ),
]
