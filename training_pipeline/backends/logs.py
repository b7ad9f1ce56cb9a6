"""What runs have printed. Supervisors read logs and import nothing heavy: the standard library is all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class LogPart:
    """Whole lines of what a run has printed, from byte `offset` of its log up to `next_offset`, of `size`.

    It holds no text of pairs and no secrets.
    """

    text: str
    offset: int
    next_offset: int
    size: int


@runtime_checkable
class KeepsLog(Protocol):
    """What a backend has besides where what its runs print can be read from here."""

    def log(self, job_id: str, attempt: int, offset: int | None, *, limit: int) -> LogPart:
        """At most `limit` bytes from `offset` on; where that is null, the last ones. Reads only.

        Raises `NotFound` if the backend knows no such attempt.
        """
        ...
