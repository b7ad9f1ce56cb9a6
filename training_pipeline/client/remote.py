"""Training jobs behind a REST API."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from training_pipeline.client.base import Pairs, Update
from training_pipeline.client.http import HttpService
from training_pipeline.client.stream import follow
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.job import JobStatus
from training_pipeline.schemas.event import TrainingJobEventPage
from training_pipeline.schemas.lineage import TrainingJobLineage
from training_pipeline.schemas.metrics import TrainingJobMetrics
from training_pipeline.schemas.training_job import TrainingJob, TrainingJobPage
from training_pipeline.schemas.training_sheet import DryRun


class RemoteJobs:
    """A `JobsClient` over HTTP."""

    def __init__(self, service: HttpService) -> None:
        self._service = service

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
        """See `JobsClient`, and `remote_follow.follow`."""
        return follow(self._service, lambda: self.get(job_id), job_id, after=after)

    def _create(self, path: str, body: Mapping[str, Any], key: str | None) -> TrainingJob:
        key = key or str(uuid.uuid4())
        try:
            return self._service.ask(TrainingJob, "POST", path, body=body, headers={"Idempotency-Key": key})
        except Unavailable as error:
            again = f"Repeat it with `--idempotency-key {key}` to avoid a second job."
            raise Unavailable(error.message, hint="\n".join(filter(None, [error.hint, again]))) from None
