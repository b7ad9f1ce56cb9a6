"""Training jobs behind a REST API."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

import httpx2

from training_pipeline.api.schemas.event import TrainingJobEvent, TrainingJobEventPage
from training_pipeline.api.schemas.lineage import TrainingJobLineage
from training_pipeline.api.schemas.metrics import TrainingJobMetrics
from training_pipeline.api.schemas.training_job import TrainingJob, TrainingJobPage
from training_pipeline.api.schemas.training_sheet import DryRun
from training_pipeline.cli import remote_errors
from training_pipeline.cli.http_service import HttpService
from training_pipeline.cli.jobs_client import Notice, Pairs, Update
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.job import TERMINAL, JobStatus

FIRST_PAUSE: Final = 1.0
MOST_PAUSE: Final = 30.0
#: A service that does not come back for this long is given up.
PATIENCE_SECONDS: Final = 600.0


class RemoteJobs:
    """A `JobsClient` over HTTP. `sleep` and `clock` are replaced by tests."""

    def __init__(
        self,
        service: HttpService,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._sleep = sleep
        self._clock = clock

    def create(self, body: Mapping[str, Any], *, idempotency_key: str | None = None) -> TrainingJob:
        """See `JobsClient`. Without a key it makes one up, and names it where the answer is lost."""
        return self._create("/jobs", body, idempotency_key)

    def plan(self, body: Mapping[str, Any]) -> DryRun:
        """See `JobsClient`."""
        return self._service.ask(DryRun, "POST", "/jobs", params={"dry_run": True}, body=body)

    def list(
        self,
        *,
        statuses: Collection[JobStatus] = (),
        training_sheet_id: str | None = None,
        created_by: str | None = None,
        page_size: int = 50,
        cursor: str | None = None,
    ) -> TrainingJobPage:
        """See `JobsClient`."""
        params = {
            "status": [str(status) for status in statuses] or None,
            "training_sheet_id": training_sheet_id,
            "created_by": created_by,
            "page_size": page_size,
            "cursor": cursor,
        }
        return self._service.ask(TrainingJobPage, "GET", "/jobs", params=params)

    def get(self, job_id: str) -> TrainingJob:
        """See `JobsClient`."""
        return self._service.ask(TrainingJob, "GET", f"/jobs/{job_id}")

    def cancel(self, job_id: str, *, reason: str) -> TrainingJob:
        """See `JobsClient`."""
        return self._service.ask(TrainingJob, "POST", f"/jobs/{job_id}/cancel", body={"reason": reason})

    def retry(
        self, job_id: str, *, changes: Mapping[str, Any] | None = None, idempotency_key: str | None = None
    ) -> TrainingJob:
        """See `JobsClient`."""
        return self._create(f"/jobs/{job_id}/retry", {"training_config": dict(changes or {})}, idempotency_key)

    def events(self, job_id: str, *, page_size: int = 50, cursor: str | None = None) -> TrainingJobEventPage:
        """See `JobsClient`."""
        params = {"page_size": page_size, "cursor": cursor}
        return self._service.ask(TrainingJobEventPage, "GET", f"/jobs/{job_id}/events", params=params)

    def metrics(
        self, job_id: str, *, from_step: int | None = None, to_step: int | None = None, resolution: int = 500
    ) -> TrainingJobMetrics:
        """See `JobsClient`."""
        params = {"from_step": from_step, "to_step": to_step, "resolution": resolution}
        return self._service.ask(TrainingJobMetrics, "GET", f"/jobs/{job_id}/metrics", params=params)

    def lineage(
        self, job_id: str, *, pairs: Pairs | None = None, page_size: int = 1000, cursor: str | None = None
    ) -> TrainingJobLineage:
        """See `JobsClient`."""
        params = {"pairs": pairs, "page_size": page_size, "cursor": cursor}
        return self._service.ask(TrainingJobLineage, "GET", f"/jobs/{job_id}/lineage", params=params)

    def follow(self, job_id: str, *, after: int = 0) -> Iterator[Update]:
        """See `JobsClient`. A lost connection is taken up again after the last event that came."""
        last, seen, heard, pause = after, None, self._clock(), 0.0
        connected = False
        while True:
            try:
                with self._service.stream(f"/jobs/{job_id}/events/stream", last_event_id=str(last)) as source:
                    connected = True
                    for message in source:
                        heard, pause = self._clock(), 0.0
                        if message.event == "end":
                            break
                        update = self._update(message)
                        if isinstance(update, TrainingJobEvent):
                            last = max(last, update.id)
                        if isinstance(update, TrainingJob):
                            seen = update
                        if update is not None:
                            yield update
                # Ended, or cut off where it looks like an end: the job itself says which.
                job = self.get(job_id)
                if job != seen:
                    yield job
                if job.status in TERMINAL:
                    return
                seen, lost = job, Unavailable(f"The stream of {self._service.url} has ended.")
            except httpx2.RequestError as error:
                lost = remote_errors.of_transport(self._service.url, error)
                if not connected:
                    raise lost from None
            except Unavailable as error:
                if not connected:
                    raise
                lost = error
            if self._clock() - heard > PATIENCE_SECONDS:
                raise lost
            pause = min(MOST_PAUSE, 2 * pause) or FIRST_PAUSE
            yield Notice(f"{lost.message} Trying again in {pause:.0f} s, from event {last} on.")
            self._sleep(pause)

    def _update(self, message: httpx2.ServerSentEvent) -> Update | None:
        if not message.data:
            return None
        if message.event == "job":
            return self._service.read(TrainingJob, message.data)
        return self._service.read(TrainingJobEvent, message.data)

    def _create(self, path: str, body: Mapping[str, Any], key: str | None) -> TrainingJob:
        key = key or str(uuid.uuid4())
        try:
            return self._service.ask(TrainingJob, "POST", path, body=body, headers={"Idempotency-Key": key})
        except Unavailable as error:
            again = f"Sent again with `--idempotency-key {key}`, it makes no second job."
            raise Unavailable(error.message, hint="\n".join(filter(None, [error.hint, again]))) from None
