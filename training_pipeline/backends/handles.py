"""Where a backend keeps its runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Protocol, TypeAlias, runtime_checkable

from pydantic import BaseModel, ConfigDict

from training_pipeline.backends.run_state import Run
from training_pipeline.domain.job import Handles


class Handle(BaseModel):
    """Where the backend keeps the run; stored with the job right after `submit`."""

    model_config = ConfigDict(frozen=True)

    backend_job_id: str
    backend_run_id: str


#: What is stored of runs: the handles of those among them that were submitted.
StoredHandles: TypeAlias = Callable[[Collection[Run]], Mapping[Run, Handles]]


@runtime_checkable
class FindsByHandle(Protocol):
    """What a backend has besides where a run is found sooner by its stored handle than by job id and attempt."""

    def handles_from(self, stored: StoredHandles) -> None:
        """Take the handles of runs that this process did not submit from `stored` from now on. Told once, at first."""
        ...
