"""A part of a job's log, or why it cannot be read from here. Reads only."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from training_pipeline.backends.logs import KeepsLog, LogPart
from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.job import TERMINAL
from training_pipeline.schemas.log import TrainingJobLog

if TYPE_CHECKING:
    from training_pipeline.app.container import Services
    from training_pipeline.domain.job import TrainingJob

_NOTHING = LogPart(text="", offset=0, next_offset=0, size=0)


def log_part(services: Services, job_id: str, offset: int | None, *, limit: int) -> TrainingJobLog:
    """At most `limit` bytes of whole lines from `offset` on; where it is None, the last ones. Raises `NotFound`."""
    job = services.jobs.get(job_id)
    part, why = _read(services, job, offset, limit)
    return TrainingJobLog(job_id=job_id, over=job.status in TERMINAL, unavailable=why, **asdict(part))


def _read(services: Services, job: TrainingJob, offset: int | None, limit: int) -> tuple[LogPart, str | None]:
    backend = services.backend
    if job.backend != backend.name:
        return _NOTHING, f"It was trained by the backend {job.backend}, which is not the one in use."
    if not isinstance(backend, KeepsLog):
        return _NOTHING, f"Backend {backend.name} keeps the output of its runs: see the page of the run."
    try:
        return backend.log(job.id, job.attempt, offset, limit=limit), None
    except NotFound:
        over = job.status in TERMINAL
        return _NOTHING, "Its run is not on this machine." if over else None
