"""Which versions are tainted or withdrawn: asked of whoever keeps revocations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.model_version import Standing, VersionState

#: Of the jobs that registered versions: how those stand that are tainted or withdrawn. The others are left out.
Standings = Callable[[Collection[str]], Mapping[str, Standing]]


def no_standings(_: Collection[str]) -> Mapping[str, Standing]:
    """Nothing is tainted or withdrawn."""
    return {}


def state_of(status: str, standing: Standing | None) -> VersionState:
    """The state of a version by the status of its job and how it stands."""
    if standing is not None:
        return VersionState(standing.state)
    return VersionState.REGISTERED if status == JobStatus.SUCCEEDED else VersionState.UNFINISHED
