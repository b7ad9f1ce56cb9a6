"""Turns at what reads much: few of it at once, so that what is light, logins and health always find a thread."""

from __future__ import annotations

from typing import Final

from training_pipeline.domain.errors import Unavailable
from training_pipeline.infra.fair_turns import FairTurns

#: So many are at work and so many wait, of the forty threads that a server has for everything.
AT_ONCE: Final = 4
WAITING: Final = 12
#: Within the time of a request, with time left for the work.
WAIT_SECONDS: Final = 20.0


class TooManyReads(Unavailable):
    """As many sheets, datasets or models as may be at once are being read through, and as many requests wait."""

    code = "too_many_reads"


def heavy_turns(*, wait_seconds: float = WAIT_SECONDS) -> FairTurns:
    """The turns of one installation in this process."""
    return FairTurns(AT_ONCE, waiting=WAITING, wait_seconds=wait_seconds, busy=_busy)


def _busy(most: int, is_own: bool) -> TooManyReads:
    whose = "of your requests" if is_own else "requests"
    return TooManyReads(
        f"{most} {whose} that read much are being answered at this moment.", hint="Try again in a moment."
    )
