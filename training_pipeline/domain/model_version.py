"""How a model version stands, and the answer to "is it still clean?"."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict


class VersionState(StrEnum):
    """How a registered model version stands."""

    REGISTERED = "registered"
    #: Registered by a job that has not succeeded: it is still being finished, or its records disagreed.
    UNFINISHED = "unfinished"
    #: A pair that it, or a model it comes from, learned from lost its permission.
    TAINTED = "tainted"
    #: Somebody decided that it is not to be used.
    WITHDRAWN = "withdrawn"


MEANINGS: Final = {
    VersionState.REGISTERED: "registered by a training job that succeeded",
    VersionState.UNFINISHED: "registered by a training job that has not succeeded",
    VersionState.TAINTED: "learned from pairs that may no longer be trained on",
    VersionState.WITHDRAWN: "not to be used any more",
}


class Standing(BaseModel):
    """That a version is not to be used as it is, and why, in sentences."""

    model_config = ConfigDict(frozen=True)

    state: Literal[VersionState.TAINTED, VersionState.WITHDRAWN]
    reasons: tuple[str, ...]


class TaintedEndpoint(BaseModel):
    """That an endpoint serves a version which is tainted or withdrawn."""

    model_config = ConfigDict(frozen=True)

    url: str
    model_name: str
    model_version: str
    #: The job that registered the version.
    job_id: str
    revocation_ids: tuple[str, ...]
    state: Literal[VersionState.TAINTED, VersionState.WITHDRAWN]


class Outcome(StrEnum):
    """What came of one check."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    UNKNOWN = "unknown"


class Cleanness(StrEnum):
    """What came of all checks together."""

    CLEAN = "clean"
    NOT_CLEAN = "not_clean"
    UNKNOWN = "unknown"


class Check(BaseModel):
    """One thing that was looked at, and what was found, in a sentence."""

    model_config = ConfigDict(frozen=True)

    name: str
    outcome: Outcome
    message: str


def verdict(checks: Sequence[Check]) -> Cleanness:
    """One failure makes a version not clean; what cannot be looked at leaves it unknown."""
    outcomes = {check.outcome for check in checks}
    if Outcome.FAIL in outcomes:
        return Cleanness.NOT_CLEAN
    return Cleanness.UNKNOWN if Outcome.UNKNOWN in outcomes or not outcomes else Cleanness.CLEAN
