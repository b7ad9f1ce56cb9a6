"""Whether the Dagster run that works on a job is alive. A dead run is not a failed job.

Dagster's own status does not tell: a run whose whole process group was killed stays STARTED for good. The advisory lock
that each run holds on a connection of its own does: it is free within a moment of the death.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

#: Dagster run statuses before the worker has begun; Dagster's own run monitoring ends those that never begin.
_NOT_BEGUN: Final = frozenset({"QUEUED", "NOT_STARTED", "MANAGED", "STARTING"})
_OVER: Final = frozenset({"SUCCESS", "FAILURE", "CANCELED"})


class Liveness(StrEnum):
    """What is known of the run of a claim."""

    ALIVE = "alive"
    #: Dagster says it is over; the claim can be given back.
    OVER = "over"
    #: Dagster believes that it runs, but nobody holds its lock: report it failed, then give the claim back.
    DEAD = "dead"
    #: There is no such run: whoever claimed the job died before it could ask for one.
    MISSING = "missing"


def liveness(run_status: str | None, *, lock_held: bool, seconds: float, grace_seconds: float) -> Liveness:
    """Judge a claim that is `seconds` old; `run_status` is Dagster's word for its run, None if there is none.

    Within the grace period everything counts as alive, for a run takes its lock a moment after it has begun.
    """
    if lock_held:
        return Liveness.ALIVE
    if run_status in _OVER:
        return Liveness.OVER
    if seconds < grace_seconds or run_status in _NOT_BEGUN:
        return Liveness.ALIVE
    return Liveness.MISSING if run_status is None else Liveness.DEAD
