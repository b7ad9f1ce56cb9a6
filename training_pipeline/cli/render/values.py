"""Values of any kind in a cell of a table."""

from __future__ import annotations

from typing import Final

_SHORT: Final = 12
_SHA256: Final = 64


def shortened(value: object) -> str:
    """The value as a text: a dash for none, and of a SHA-256 its first letters."""
    if value is None:
        return "-"
    return value[:_SHORT] if isinstance(value, str) and len(value) == _SHA256 else str(value)
