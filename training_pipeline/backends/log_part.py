"""A part of the log of a run. It stands alone, because supervisors read logs and import nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogPart:
    """Whole lines of what a run has printed, from byte `offset` of its log up to `next_offset`, of `size`.

    It holds no text of pairs and no secrets.
    """

    text: str
    offset: int
    next_offset: int
    size: int
