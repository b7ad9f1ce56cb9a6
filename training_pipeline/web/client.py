"""What a page asks of the service, for the one who looks at it. The pages' only way to it.

Everything is what the REST API answers, taken from its own routes in this process; the calls run in threads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from anyio import to_thread

from training_pipeline.api import problems
from training_pipeline.api.routes import events, jobs, lineage, metrics, models, training_sheets
from training_pipeline.api.single_flight import SingleFlight
from training_pipeline.app.container import Services
from training_pipeline.client.idempotent import created_once
from training_pipeline.domain import job as domain
from training_pipeline.domain.access import Caller, Role, require_role
from training_pipeline.domain.errors import PipelineError
from training_pipeline.schemas.base_model import BaseModels
from training_pipeline.schemas.event import TrainingJobEventPage
from training_pipeline.schemas.lineage import TrainingJobLineage
from training_pipeline.schemas.metrics import TrainingJobMetrics
from training_pipeline.schemas.training_job import TrainingJob, TrainingJobPage
from training_pipeline.schemas.training_sheet import DryRun, TrainingSheetDetails, TrainingSheetPreview, TrainingSheets
from training_pipeline.training_jobs.lifecycle.authorized import CallersJobs
from training_pipeline.training_jobs.store import idempotency
from training_pipeline.training_jobs.store.facets import Facets, facets
from training_pipeline.training_jobs.urls import Addresses
from training_pipeline.web.urls import JobFilters

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Desk:
    """Raises what the service raises, and `Forbidden` where the caller may not."""

    services: Services
    caller: Caller
    #: What many pages ask at the same moment is asked once.
    flights: SingleFlight[Any]

    @property
    def _jobs(self) -> CallersJobs:
        return CallersJobs(self.caller, self.services.jobs)

    @property
    def _at(self) -> Addresses:
        return Addresses.of(self.services.settings)

    @property
    def may_create(self) -> bool:
        """Whether the caller may create jobs at all."""
        return self.caller.may_act_as(Role.OPERATOR)

    def require_create(self) -> None:
        """Raise `Forbidden` where the caller may not create jobs."""
        require_role(self.caller, Role.OPERATOR)

    async def jobs(self, filters: JobFilters, *, page_size: int) -> TrainingJobPage:
        """A page of jobs."""
        return await _thread(
            jobs.list_training_jobs,
            self._jobs,
            self.caller,
            self._at,
            training_sheet_id=filters.sheet or None,
            status=list(filters.statuses) or None,
            created_by=filters.creator or None,
            search=filters.search or None,
            sort=filters.sort,
            descending=filters.descending,
            page=filters.page,
            page_size=page_size,
            cursor=None,
        )

    async def facets(self) -> Facets:
        """The values that jobs may be filtered by."""
        found: Facets = await self.flights.run("facets", partial(facets, self.services.store), anew=True)
        return found

    async def job(self, job_id: str) -> TrainingJob:
        """One job."""
        found: domain.TrainingJob = await self.flights.run(f"job {job_id}", partial(self._jobs.get, job_id), anew=True)
        return TrainingJob.of(found, self.caller, self._at)

    async def metrics(self, job_id: str, *, from_step: int, to_step: int, resolution: int) -> TrainingJobMetrics:
        """Metrics and series of a job."""
        asked = (job_id, from_step, to_step, resolution)
        call = partial(metrics.get_training_job_metrics, self.services, *asked)
        found: TrainingJobMetrics = await self.flights.run(f"metrics {asked}", call, anew=True)
        return found

    async def events(self, job_id: str, *, page_size: int) -> TrainingJobEventPage:
        """The newest events of a job."""
        return await _thread(
            events.get_training_job_events, self.services, job_id, page=1, page_size=page_size, cursor=None
        )

    async def lineage(
        self, job_id: str, *, pairs: str | None, search: str, page_size: int, cursor: str | None
    ) -> TrainingJobLineage:
        """The lineage record with a page of its pairs."""
        return await _thread(
            lineage.get_training_job_lineage, self.services, job_id, pairs, search or None, page_size, cursor
        )

    async def sheets(self) -> TrainingSheets:
        """Every training sheet."""
        return await _thread(training_sheets.list_training_sheets, self.services)

    async def sheet(self, sheet_id: str) -> TrainingSheetDetails:
        """One training sheet with its export summary."""
        return await _thread(training_sheets.get_training_sheet, self.services, sheet_id)

    async def preview(self, sheet_id: str, *, limit: int) -> TrainingSheetPreview:
        """The first lines of what would be trained on."""
        return await _thread(training_sheets.preview_training_sheet, self.services, sheet_id, limit)

    async def base_models(self) -> BaseModels:
        """The base models on offer."""
        return await _thread(models.list_base_models, self.services)

    async def plan(self, request: Mapping[str, Any]) -> DryRun:
        """The dry run of a new job."""
        return DryRun.of(await _thread(self._jobs.plan, request))

    async def plan_retry(self, job_id: str, changes: Mapping[str, Any]) -> DryRun:
        """The dry run of a retry."""
        return DryRun.of(await _thread(self._jobs.plan_retry, job_id, changes=changes))

    async def create(self, request: Mapping[str, Any], *, key: str) -> str:
        """The id of the new job; with the same key and request, of the one that the first call created."""
        asked = idempotency.body_hash("page", dict(request))
        return await _thread(self._once, key, asked, partial(self._jobs.create, dict(request)))

    async def retry(self, job_id: str, changes: Mapping[str, Any], *, key: str) -> str:
        """The id of a new job like this one; the same for the same key and changes."""
        asked = idempotency.body_hash(f"page {job_id}", dict(changes))
        return await _thread(self._once, key, asked, partial(self._jobs.retry, job_id, changes=changes))

    async def cancel(self, job_id: str, *, reason: str) -> None:
        """Cancel a job, or request a cancel."""
        await _thread(self._jobs.cancel, job_id, reason=reason)

    def _once(self, key: str, asked: str, create: Callable[..., domain.TrainingJob]) -> str:
        key = f"{key}-{asked[:16]}"
        answer, _ = created_once(
            self.services, self.caller, key=key, asked=asked, create=lambda also: create(also=also)
        )
        return str(json.loads(answer.body)["id"])


def problem_of(error: PipelineError) -> problems.Problem:
    """An error as the REST API would put it."""
    return problems.Problem.model_validate_json(bytes(problems.of_pipeline_error("", error).body))


async def _thread(call: Callable[..., T], *arguments: Any, **named: Any) -> T:
    return await to_thread.run_sync(partial(call, *arguments, **named))
