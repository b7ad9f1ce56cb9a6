"""Text as a database holds it."""

from __future__ import annotations


def storable(text: str) -> str:
    """The text with NUL, which PostgreSQL holds in no text and no JSON, replaced by U+FFFD."""
    return text.replace("\0", "\ufffd")
