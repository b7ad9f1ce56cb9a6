"""Turns at receiving and reading uploads: so many at once, of which nobody has all."""

from __future__ import annotations

from training_pipeline.domain.errors import Unavailable
from training_pipeline.infra.fair_turns import FairTurns


class TooManyUploads(Unavailable):
    """As many uploads as may be at once are being received or read, by all or by this person."""

    code = "too_many_uploads"


def upload_turns(at_once: int, *, wait_seconds: float) -> FairTurns:
    """Turns for `at_once` uploads, for which as many may wait for `wait_seconds` seconds."""
    return FairTurns(at_once, waiting=at_once, wait_seconds=wait_seconds, busy=_busy)


def _busy(most: int, is_own: bool) -> TooManyUploads:
    whose, limit = ("of your files", ", as many as one person's may") if is_own else ("files", "")
    return TooManyUploads(
        f"{most} {whose} are being uploaded or read at this moment{limit}.", hint="Try again in a minute."
    )
