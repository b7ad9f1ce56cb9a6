"""The verbs of training jobs behind a REST API."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from training_pipeline.client.http import OverHttp
from training_pipeline.client.jobs.base import Created, Pairs, Update
from training_pipeline.client.jobs.stream import follow
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.pair_change import PairChange
from training_pipeline.schemas.advice import TrainingJobAdvice
from training_pipeline.schemas.base_model import BaseModels
from training_pipeline.schemas.comparison import TrainingJobComparison
from training_pipeline.schemas.diff import TrainingJobDiff
from training_pipeline.schemas.estimates import EstimatesSoFar
from training_pipeline.schemas.event import TrainingJobEventPage
from training_pipeline.schemas.lineage import TrainingJobLineage
from training_pipeline.schemas.log import BYTES, TrainingJobLog
from training_pipeline.schemas.metrics import TrainingJobMetrics
from training_pipeline.schemas.result import LOSSES, TrainingJobResult
from training_pipeline.schemas.system_metrics import TrainingJobSystemMetrics
from training_pipeline.schemas.training_job import ActiveTrainingJobs, TrainingJob, TrainingJobPage
from training_pipeline.schemas.training_sheet import DryRun
from training_pipeline.training_jobs.store.queries import JobSort

#: The service is busy, or at work on it: nothing was refused. With its key the request makes one job, however often
#: it is sent.
_AGAIN: Final = frozenset({"too_many_creates", "time_limit", "idempotency_key_in_use", "too_many_requests"})


class RemoteJobs(OverHttp):
    """`Jobs` over HTTP."""

    def create(self, body: Mapping[str, Any], *, idempotency_key: str | None = None) -> Created:
        """See `Client`. Without a key it makes one up, and names it where the answer is lost.

        A service that is busy is asked again, for five minutes at most.
        """
        return self._create("/jobs", body, idempotency_key)

    def plan(self, body: Mapping[str, Any]) -> DryRun:
        """See `Client`."""
        return self._service.ask(DryRun, "POST", "/jobs", params={"dry_run": True}, body=body)

    def list(
        self,
        *,
        statuses: Collection[JobStatus] = (),
        training_sheet_id: str | None = None,
        created_by: str | None = None,
        search: str | None = None,
        tainted: bool = False,
        tags: Collection[str] = (),
        sort: JobSort = JobSort.CREATED_AT,
        descending: bool = True,
        page: int | None = None,
        page_size: int = 50,
        cursor: str | None = None,
    ) -> TrainingJobPage:
        """See `Client`."""
        params = {
            "status": [str(status) for status in statuses] or None,
            "training_sheet_id": training_sheet_id,
            "created_by": created_by,
            "search": search,
            "tainted": tainted or None,
            "tag": list(tags) or None,
            "sort": str(sort),
            "descending": descending,
            "page": page,
            "page_size": page_size,
            "cursor": cursor,
        }
        return self._service.ask(TrainingJobPage, "GET", "/jobs", params=params)

    def active(self, *, page_size: int | None = None, cursor: str | None = None) -> ActiveTrainingJobs:
        """See `Client`."""
        params = {"page_size": page_size, "cursor": cursor}
        return self._service.ask(ActiveTrainingJobs, "GET", "/active", params=params)

    def get(self, job_id: str) -> TrainingJob:
        """See `Client`."""
        return self._service.ask(TrainingJob, "GET", _job(job_id))

    def poll(self, job_id: str) -> TrainingJob:
        """See `Client`."""
        return self._service.ask(TrainingJob, "POST", _job(job_id, "/poll"))

    def cancel(self, job_id: str, *, reason: str) -> TrainingJob:
        """See `Client`."""
        return self._service.ask(TrainingJob, "POST", _job(job_id, "/cancel"), body={"reason": reason})

    def annotate(
        self,
        job_id: str,
        *,
        note: str | None = None,
        tags: Collection[str] | None = None,
        add_tags: Collection[str] | None = None,
        remove_tags: Collection[str] | None = None,
    ) -> TrainingJob:
        """See `Client`."""
        said = {"tags": tags, "add_tags": add_tags, "remove_tags": remove_tags}
        body = {name: list(found) for name, found in said.items() if found is not None}
        return self._service.ask(TrainingJob, "PATCH", _job(job_id), body={"note": note, **body})

    def finish(self, job_id: str) -> TrainingJob:
        """See `Client`."""
        return self._service.ask(TrainingJob, "POST", _job(job_id, "/finish"))

    def retry(
        self, job_id: str, *, changes: Mapping[str, Any] | None = None, idempotency_key: str | None = None
    ) -> Created:
        """See `Client`, and `create` about the key."""
        return self._create(_job(job_id, "/retry"), {"training_config": dict(changes or {})}, idempotency_key)

    def events(
        self, job_id: str, *, page: int | None = None, page_size: int = 50, cursor: str | None = None
    ) -> TrainingJobEventPage:
        """See `Client`."""
        params = {"page": page, "page_size": page_size, "cursor": cursor}
        return self._service.ask(TrainingJobEventPage, "GET", _job(job_id, "/events"), params=params)

    def metrics(
        self,
        job_id: str,
        *,
        from_step: int | None = None,
        to_step: int | None = None,
        resolution: int = 500,
        smoothing: float = 0.0,
    ) -> TrainingJobMetrics:
        """See `Client`."""
        params = {
            "from_step": from_step,
            "to_step": to_step,
            "resolution": resolution,
            "smoothing": smoothing or None,
        }
        return self._service.ask(TrainingJobMetrics, "GET", _job(job_id, "/metrics"), params=params)

    def system_metrics(self, job_id: str, *, resolution: int = 500) -> TrainingJobSystemMetrics:
        """See `Client`."""
        params = {"resolution": resolution}
        return self._service.ask(TrainingJobSystemMetrics, "GET", _job(job_id, "/system-metrics"), params=params)

    def log(self, job_id: str, *, offset: int | None = None, limit: int = BYTES) -> TrainingJobLog:
        """See `Client`."""
        params = {"offset": offset, "limit": limit}
        return self._service.ask(TrainingJobLog, "GET", _job(job_id, "/log"), params=params)

    def result(self, job_id: str, *, limit: int = LOSSES) -> TrainingJobResult:
        """See `Client`."""
        return self._service.ask(TrainingJobResult, "GET", _job(job_id, "/result"), params={"limit": limit})

    def lineage(
        self,
        job_id: str,
        *,
        pairs: Pairs | None = None,
        search: str | None = None,
        page_size: int = 1000,
        cursor: str | None = None,
    ) -> TrainingJobLineage:
        """See `Client`."""
        params = {"pairs": pairs, "search": search, "page_size": page_size, "cursor": cursor}
        return self._service.ask(TrainingJobLineage, "GET", _job(job_id, "/lineage"), params=params)

    def advice(self, job_id: str) -> TrainingJobAdvice:
        """See `Client`."""
        return self._service.ask(TrainingJobAdvice, "GET", _job(job_id, "/advice"))

    def estimates(self) -> EstimatesSoFar:
        """See `Client`."""
        return self._service.ask(EstimatesSoFar, "GET", "/estimates")

    def diff(
        self,
        first_id: str,
        second_id: str,
        *,
        changes: Collection[PairChange] = (),
        page_size: int = 100,
        cursor: str | None = None,
    ) -> TrainingJobDiff:
        """See `Client`."""
        params = {"changes": list(changes) or None, "page_size": page_size, "cursor": cursor}
        path = _job(first_id, f"/diff/{quote(second_id, safe='')}")
        return self._service.ask(TrainingJobDiff, "GET", path, params=params)

    def compare(self, job_ids: Sequence[str]) -> TrainingJobComparison:
        """See `Client`."""
        params = {"jobs": ",".join(job_ids)}
        return self._service.ask(TrainingJobComparison, "GET", "/jobs/compare", params=params)

    def follow(self, job_id: str, *, after: int = 0) -> Iterator[Update]:
        """See `Client`, and `stream.follow`."""
        return follow(self._service, lambda: self.get(job_id), job_id, after=after)

    def base_models(self) -> BaseModels:
        """See `Client`."""
        return self._service.ask(BaseModels, "GET", "/models")

    def _create(self, path: str, body: Mapping[str, Any], key: str | None) -> Created:
        key = key or str(uuid.uuid4())
        try:
            response = self._service.send("POST", path, body=body, headers={"Idempotency-Key": key}, again=_AGAIN)
        except Unavailable as error:
            again = f"Repeat it with `--idempotency-key {key}` to avoid a second job."
            raise Unavailable(error.message, hint="\n".join(filter(None, [error.hint, again]))) from None
        job = self._service.read(TrainingJob, response.content)
        return Created(job, replayed=response.headers.get("Idempotent-Replayed") == "true")


def _job(job_id: str, of_it: str = "") -> str:
    return f"/jobs/{quote(job_id, safe='')}{of_it}"
