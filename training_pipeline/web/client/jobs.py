"""Training jobs, as pages ask for them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from training_pipeline.client.jobs.base import Pairs
from training_pipeline.client.local import LocalClient
from training_pipeline.client.roles import least_role
from training_pipeline.domain.access import Role, require_role
from training_pipeline.domain.pair_change import PairChange
from training_pipeline.schemas.advice import TrainingJobAdvice
from training_pipeline.schemas.base_model import BaseModels
from training_pipeline.schemas.comparison import TrainingJobComparison
from training_pipeline.schemas.diff import TrainingJobDiff
from training_pipeline.schemas.estimates import EstimatesSoFar
from training_pipeline.schemas.event import TrainingJobEventPage
from training_pipeline.schemas.lineage import TrainingJobLineage
from training_pipeline.schemas.log import TrainingJobLog
from training_pipeline.schemas.metrics import TrainingJobMetrics
from training_pipeline.schemas.result import TrainingJobResult
from training_pipeline.schemas.system_metrics import TrainingJobSystemMetrics
from training_pipeline.schemas.training_job import TrainingJob, TrainingJobPage
from training_pipeline.schemas.training_sheet import DryRun
from training_pipeline.training_jobs.store.facets import Facets
from training_pipeline.training_jobs.store.idempotency import body_hash
from training_pipeline.web.client.base import PageCalls, thread
from training_pipeline.web.urls import JobFilters


class JobCalls(PageCalls):
    """Training jobs, as pages ask for them."""

    @property
    def may_create(self) -> bool:
        """Whether the caller may create jobs at all."""
        return self.caller.may_act_as(least_role(LocalClient.create))

    def require_create(self) -> None:
        """Raise `Forbidden` where the caller may not create jobs."""
        require_role(self.caller, least_role(LocalClient.create))

    async def jobs(self, filters: JobFilters, *, page_size: int) -> TrainingJobPage:
        """A page of jobs."""
        return await thread(
            self.local.list,
            statuses=filters.statuses,
            training_sheet_id=filters.sheet or None,
            created_by=filters.creator or None,
            search=filters.search or None,
            tags=[filters.tag] if filters.tag else (),
            tainted=filters.tainted,
            sort=filters.sort,
            descending=filters.descending,
            page=filters.page,
            page_size=page_size,
        )

    async def facets(self, filters: JobFilters) -> Facets:
        """The values that jobs may be filtered by beside these filters."""
        call = partial(
            self.local.facets,
            statuses=filters.statuses,
            training_sheet_id=filters.sheet or None,
            created_by=filters.creator or None,
            search=filters.search or None,
            tags=[filters.tag] if filters.tag else (),
        )
        return await self.shared(f"facets {filters.with_().query()}", call)

    async def best_losses(self, job_ids: Collection[str]) -> dict[str, float]:
        """The lowest validation loss of each of these jobs."""
        return await self.shared(f"best losses {' '.join(job_ids)}", partial(self.local.best_losses, job_ids))

    async def waiting(self, job_id: str) -> str:
        """What a job waits for."""
        return await self.shared(f"waiting {job_id}", partial(self.local.waiting, job_id))

    async def job(self, job_id: str) -> TrainingJob:
        """One job."""
        # What a job allows depends on who asks.
        return await self.shared(f"job {job_id} of {self.caller.name}", partial(self.local.get, job_id))

    async def metrics(self, job_id: str, *, from_step: int, to_step: int, resolution: int) -> TrainingJobMetrics:
        """Metrics and series of a job."""
        call = partial(self.local.metrics, job_id, from_step=from_step, to_step=to_step, resolution=resolution)
        return await self.shared(f"metrics {job_id} {from_step} {to_step} {resolution}", call)

    async def curves(
        self, job_id: str, *, from_step: int, to_step: int, resolution: int, smoothing: float
    ) -> tuple[TrainingJobMetrics, TrainingJobMetrics | None]:
        """The series of a job as measured, and smoothed where that is asked for."""
        stretch = {"from_step": from_step, "to_step": to_step, "resolution": resolution}
        if not smoothing:
            return await self.metrics(job_id, **stretch), None
        call = partial(self.local.metrics, job_id, **stretch, smoothing=smoothing)
        what = f"metrics {job_id} {from_step} {to_step} {resolution} {smoothing}"
        measured, smoothed = await asyncio.gather(self.metrics(job_id, **stretch), self.shared(what, call))
        return measured, smoothed

    async def compare(self, job_ids: Sequence[str]) -> TrainingJobComparison:
        """Jobs side by side."""
        return await self.shared(f"compare {' '.join(job_ids)}", partial(self.local.compare, job_ids))

    async def advice(self, job_id: str) -> TrainingJobAdvice:
        """What was advised when the job was created, and what its figures say."""
        return await self.shared(f"advice {job_id}", partial(self.local.advice, job_id))

    async def estimates(self) -> EstimatesSoFar:
        """How good estimates of training time have been."""
        return await self.shared("estimates", self.local.estimates)

    async def events(self, job_id: str, *, page_size: int) -> TrainingJobEventPage:
        """The newest events of a job."""
        return await thread(self.local.events, job_id, page_size=page_size)

    async def system_metrics(self, job_id: str) -> TrainingJobSystemMetrics:
        """What the machine did while a job trained: every sample."""
        call = partial(self.local.system_metrics, job_id, resolution=10_000)
        return await self.shared(f"system metrics {job_id}", call)

    async def log(self, job_id: str, *, offset: int | None) -> TrainingJobLog:
        """A part of what the trainer has printed."""
        return await self.shared(f"log {job_id} {offset}", partial(self.local.log, job_id, offset=offset))

    async def result(self, job_id: str) -> TrainingJobResult:
        """The results of a training, pair by pair."""
        return await thread(self.local.result, job_id)

    async def lineage(
        self, job_id: str, *, pairs: Pairs | None, search: str, page_size: int, cursor: str | None
    ) -> TrainingJobLineage:
        """The lineage record with a page of its pairs."""
        return await thread(
            self.local.lineage, job_id, pairs=pairs, search=search or None, page_size=page_size, cursor=cursor
        )

    async def diff(
        self, first_id: str, second_id: str, *, changes: Collection[PairChange], page_size: int, cursor: str | None
    ) -> TrainingJobDiff:
        """What differs between two jobs, with a page of the pairs that changed."""
        return await thread(self.local.diff, first_id, second_id, changes=changes, page_size=page_size, cursor=cursor)

    async def base_models(self) -> BaseModels:
        """The base models on offer."""
        return await thread(self.local.base_models)

    async def plan(self, request: Mapping[str, Any]) -> DryRun:
        """The dry run of a new job."""
        return await thread(self.local.plan, request)

    async def plan_retry(self, job_id: str, changes: Mapping[str, Any]) -> DryRun:
        """The dry run of a retry."""
        return await thread(self.local.plan_retry, job_id, changes=changes)

    async def create(self, request: Mapping[str, Any], *, draft: str) -> TrainingJob:
        """The new job; with the same draft and request, the one that the first call created."""
        key = _key(draft, "create", request)
        return (await self.created(key, partial(self.local.create, request, idempotency_key=key))).job

    async def retry(self, job_id: str, changes: Mapping[str, Any], *, draft: str) -> TrainingJob:
        """A new job like this one; the same for the same draft and changes."""
        key = _key(draft, f"retry {job_id}", changes)
        return (await self.created(key, partial(self.local.retry, job_id, changes=changes, idempotency_key=key))).job

    async def cancel(self, job_id: str, *, reason: str) -> None:
        """Cancel a job, or request a cancel."""
        await thread(self.local.cancel, job_id, reason=reason)

    def may_annotate(self, job: TrainingJob) -> bool:
        """Whether the caller may write on the job: its creator may, and admins."""
        own = self.caller.name == job.created_by or self.caller.may_act_as(Role.ADMIN)
        return own and self.caller.may_act_as(least_role(LocalClient.annotate))

    async def annotate(
        self, job_id: str, *, note: str | None, add_tags: Sequence[str], remove_tags: Sequence[str]
    ) -> None:
        """Replace the note of a job, where one is given, and add and remove tags."""
        await thread(self.local.annotate, job_id, note=note, add_tags=add_tags, remove_tags=remove_tags)

    async def finish(self, job_id: str) -> None:
        """Finish a trained job now."""
        await thread(self.local.finish, job_id)


def _key(draft: str, operation: str, asked: Mapping[str, Any]) -> str:
    """The key of what a draft asks for now: once it is changed, it asks for another job."""
    return f"{draft}-{body_hash(operation, dict(asked))[:16]}"
