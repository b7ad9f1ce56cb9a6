"""A time in words."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """A time in words, such as `24 h` or `20 s`."""
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds:g} s"
