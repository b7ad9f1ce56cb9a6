"""The client of the pages: calls the client of this installation in threads, for the caller of the page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from anyio import to_thread

from training_pipeline.api.single_flight import SingleFlight
from training_pipeline.client.jobs.base import Pairs
from training_pipeline.client.local import LocalClient
from training_pipeline.client.roles import least_role
from training_pipeline.domain.access import Caller, Role, require_role
from training_pipeline.domain.bucket_location import BucketLocation
from training_pipeline.domain.errors import SheetChanged
from training_pipeline.domain.pair_change import PairChange
from training_pipeline.models.versions.find import VersionFacets
from training_pipeline.schemas.advice import TrainingJobAdvice
from training_pipeline.schemas.base_model import BaseModels
from training_pipeline.schemas.comparison import TrainingJobComparison
from training_pipeline.schemas.diff import TrainingJobDiff
from training_pipeline.schemas.event import TrainingJobEventPage
from training_pipeline.schemas.lineage import TrainingJobLineage
from training_pipeline.schemas.log import TrainingJobLog
from training_pipeline.schemas.metrics import TrainingJobMetrics
from training_pipeline.schemas.model_version import (
    ModelVersionDetails,
    ModelVersionPage,
    ModelVersionVerification,
)
from training_pipeline.schemas.playground import PlaygroundAnswers, PlaygroundLimits
from training_pipeline.schemas.promotion import ModelPromotion, ModelPromotions
from training_pipeline.schemas.result import TrainingJobResult
from training_pipeline.schemas.revocation import RevocationDetails, RevocationPage, RevocationPreview
from training_pipeline.schemas.sheet_contents import (
    PairConversations,
    TrainingSheetLengths,
    TrainingSheetLifting,
    TrainingSheetNearDuplicates,
)
from training_pipeline.schemas.sheet_edit import TrainingSheetEdit, TrainingSheetEdits
from training_pipeline.schemas.sheet_import import ImportDryRun, ImportTrainingSheet
from training_pipeline.schemas.sheet_pairs import TrainingSheetPairs
from training_pipeline.schemas.training_job import TrainingJob, TrainingJobPage
from training_pipeline.schemas.training_sheet import DryRun, TrainingSheetDetails, TrainingSheetPreview, TrainingSheets
from training_pipeline.schemas.uses import Uses
from training_pipeline.sheets.diff import SheetDiff
from training_pipeline.training_jobs.store.facets import Facets
from training_pipeline.training_jobs.store.idempotency import body_hash
from training_pipeline.uploads.staging import Upload
from training_pipeline.web.urls import JobFilters, VersionFilters

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageClient:
    """Raises what `LocalClient` does. What many pages ask at the same moment is asked once."""

    local: LocalClient
    flights: SingleFlight[Any]

    @property
    def caller(self) -> Caller:
        """Who looks at the page."""
        return self.local.caller

    @property
    def may_create(self) -> bool:
        """Whether the caller may create jobs at all."""
        return self.caller.may_act_as(least_role(LocalClient.create))

    def require_create(self) -> None:
        """Raise `Forbidden` where the caller may not create jobs."""
        require_role(self.caller, least_role(LocalClient.create))

    async def jobs(self, filters: JobFilters, *, page_size: int) -> TrainingJobPage:
        """A page of jobs."""
        return await _thread(
            self.local.list,
            statuses=filters.statuses,
            training_sheet_id=filters.sheet or None,
            created_by=filters.creator or None,
            search=filters.search or None,
            tags=[filters.tag] if filters.tag else (),
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
        return await self._shared(f"facets {filters.with_().query()}", call)

    async def best_losses(self, job_ids: Collection[str]) -> dict[str, float]:
        """The lowest validation loss of each of these jobs."""
        return await self._shared(f"best losses {' '.join(job_ids)}", partial(self.local.best_losses, job_ids))

    async def waiting(self, job_id: str) -> str:
        """What a job waits for."""
        return await self._shared(f"waiting {job_id}", partial(self.local.waiting, job_id))

    async def job(self, job_id: str) -> TrainingJob:
        """One job."""
        # What a job allows depends on who asks.
        return await self._shared(f"job {job_id} of {self.caller.name}", partial(self.local.get, job_id))

    async def metrics(self, job_id: str, *, from_step: int, to_step: int, resolution: int) -> TrainingJobMetrics:
        """Metrics and series of a job."""
        call = partial(self.local.metrics, job_id, from_step=from_step, to_step=to_step, resolution=resolution)
        return await self._shared(f"metrics {job_id} {from_step} {to_step} {resolution}", call)

    async def curves(
        self, job_id: str, *, from_step: int, to_step: int, resolution: int, smoothing: float
    ) -> tuple[TrainingJobMetrics, TrainingJobMetrics | None]:
        """The series of a job as measured, and smoothed where that is asked for."""
        stretch = {"from_step": from_step, "to_step": to_step, "resolution": resolution}
        if not smoothing:
            return await self.metrics(job_id, **stretch), None
        call = partial(self.local.metrics, job_id, **stretch, smoothing=smoothing)
        what = f"metrics {job_id} {from_step} {to_step} {resolution} {smoothing}"
        measured, smoothed = await asyncio.gather(self.metrics(job_id, **stretch), self._shared(what, call))
        return measured, smoothed

    async def compare(self, job_ids: Sequence[str]) -> TrainingJobComparison:
        """Jobs side by side."""
        return await self._shared(f"compare {' '.join(job_ids)}", partial(self.local.compare, job_ids))

    async def advice(self, job_id: str) -> TrainingJobAdvice:
        """What was advised when the job was created, and what its figures say."""
        return await self._shared(f"advice {job_id}", partial(self.local.advice, job_id))

    async def events(self, job_id: str, *, page_size: int) -> TrainingJobEventPage:
        """The newest events of a job."""
        return await _thread(self.local.events, job_id, page_size=page_size)

    async def log(self, job_id: str, *, offset: int | None) -> TrainingJobLog:
        """A part of what the trainer has printed."""
        return await self._shared(f"log {job_id} {offset}", partial(self.local.log, job_id, offset=offset))

    async def result(self, job_id: str) -> TrainingJobResult:
        """What a training came to, pair by pair."""
        return await _thread(self.local.result, job_id)

    async def lineage(
        self, job_id: str, *, pairs: Pairs | None, search: str, page_size: int, cursor: str | None
    ) -> TrainingJobLineage:
        """The lineage record with a page of its pairs."""
        return await _thread(
            self.local.lineage, job_id, pairs=pairs, search=search or None, page_size=page_size, cursor=cursor
        )

    async def diff(
        self, first_id: str, second_id: str, *, changes: Collection[PairChange], page_size: int, cursor: str | None
    ) -> TrainingJobDiff:
        """What differs between two jobs, with a page of the pairs that changed."""
        return await _thread(self.local.diff, first_id, second_id, changes=changes, page_size=page_size, cursor=cursor)

    async def uses(self, keys: Mapping[str, str | None]) -> Uses:
        """Where something was used."""
        return await _thread(self.local.uses, **keys)

    @property
    def may_revoke(self) -> bool:
        """Whether the caller may revoke."""
        return self.caller.may_act_as(least_role(LocalClient.revoke))

    @property
    def may_download(self) -> bool:
        """Whether the caller may download the files of a model version."""
        return self.caller.may_act_as(least_role(LocalClient.download_model_file))

    async def preview_revocation(self, body: Mapping[str, Any]) -> RevocationPreview:
        """What a revocation would taint."""
        return await _thread(self.local.preview_revocation, body)

    async def revoke(self, body: Mapping[str, Any]) -> RevocationDetails:
        """The revocation, recorded."""
        return await _thread(self.local.revoke, body)

    async def revocations(
        self, *, job_id: str | None = None, page_size: int, cursor: str | None = None
    ) -> RevocationPage:
        """A page of revocations."""
        return await _thread(self.local.revocations, job_id=job_id, page_size=page_size, cursor=cursor)

    async def revocation(self, revocation_id: str) -> RevocationDetails:
        """One revocation."""
        return await _thread(self.local.revocation, revocation_id)

    async def versions(self, filters: VersionFilters, *, page_size: int) -> ModelVersionPage:
        """A page of model versions."""
        return await _thread(
            self.local.model_versions,
            name=filters.name or None,
            alias=filters.alias or None,
            state=filters.state,
            sheet=filters.sheet or None,
            page=filters.page,
            page_size=page_size,
        )

    async def version_facets(self) -> VersionFacets:
        """The values that model versions may be filtered by."""
        return await _thread(self.local.version_facets)

    async def version(self, name: str, version: str) -> ModelVersionDetails:
        """One model version, with everything that is on record of it."""
        return await _thread(self.local.model_version, name, version)

    @property
    def may_retrain(self) -> bool:
        """Whether the caller may launch retrains."""
        return self.caller.may_act_as(least_role(LocalClient.retrain))

    async def retrain(self, name: str, version: str) -> TrainingJob:
        """The job of the proposed retrain of a tainted version."""
        return await _thread(self.local.retrain, name, version)

    @property
    def may_promote(self) -> bool:
        """Whether the caller may move aliases."""
        return self.caller.may_act_as(least_role(LocalClient.promote))

    async def promote(self, name: str, version: str, body: Mapping[str, Any]) -> ModelPromotion:
        """What the gate says, and whether the alias was moved."""
        return await _thread(self.local.promote, name, version, body)

    async def roll_back(self, name: str, body: Mapping[str, Any]) -> ModelPromotion:
        """The alias, moved back."""
        return await _thread(self.local.roll_back, name, body)

    async def promotions(self, name: str) -> ModelPromotions:
        """Every decision about the aliases of a model."""
        return await _thread(self.local.promotions, name)

    @property
    def may_ask(self) -> bool:
        """Whether the caller may ask models questions."""
        return self.caller.may_act_as(least_role(LocalClient.ask))

    async def ask(self, name: str, version: str, body: Mapping[str, Any]) -> PlaygroundAnswers:
        """What a model version, its base model and the champion answer to one question."""
        return await _thread(self.local.ask, name, version, body)

    @property
    def playground_limits(self) -> PlaygroundLimits:
        """What bounds a question."""
        return self.local.playground_limits()

    async def verify_version(self, name: str, version: str) -> ModelVersionVerification:
        """Whether a model version is still clean. Many who ask at the same moment ask once."""
        call = partial(self.local.verify_model_version, name, version)
        return await self._shared(f"verify {name} {version}", call)

    async def sheets(self) -> TrainingSheets:
        """Every training sheet."""
        return await _thread(self.local.training_sheets)

    async def sheet(self, sheet_id: str) -> TrainingSheetDetails:
        """One training sheet with its export summary."""
        return await _unchanged(self.local.training_sheet, sheet_id)

    async def sheet_pairs(
        self, sheet_id: str, *, verdict: str, status: str, search: str, text: str, page_size: int, cursor: str | None
    ) -> TrainingSheetPairs:
        """A page of a sheet's pairs with their verdicts."""
        return await _unchanged(
            self.local.sheet_pairs,
            sheet_id,
            verdict=verdict or None,
            status=status or None,
            search=search or None,
            text=text or None,
            page_size=page_size,
            cursor=cursor,
        )

    async def pair_conversations(self, sheet_id: str, pair_id: str) -> PairConversations:
        """What a pair says."""
        return await _thread(self.local.pair_conversations, sheet_id, pair_id)

    async def sheet_lengths(
        self, sheet_id: str, *, base_model: str | None, max_length: int | None
    ) -> TrainingSheetLengths:
        """Token lengths of a sheet. Many who ask at the same moment ask once."""
        call = partial(self.local.sheet_lengths, sheet_id, base_model=base_model, max_length=max_length)
        return await self._shared(f"lengths {sheet_id} {base_model} {max_length}", call)

    async def near_duplicates(self, sheet_id: str) -> TrainingSheetNearDuplicates:
        """Groups of pairs that ask nearly the same. Many who ask at the same moment ask once."""
        return await self._shared(f"near duplicates {sheet_id}", partial(self.local.near_duplicates, sheet_id))

    async def what_lifting_adds(self, sheet_id: str) -> TrainingSheetLifting:
        """What lifting a reason would add. Many who ask at the same moment ask once."""
        return await self._shared(f"lifting {sheet_id}", partial(self.local.what_lifting_adds, sheet_id))

    async def sheet_versions(self, sheet_id: str) -> tuple[str, ...]:
        """The earlier versions of a sheet, the newest first."""
        return await _thread(self.local.sheet_versions, sheet_id)

    async def sheet_changes(self, sheet_id: str, version: str) -> SheetDiff:
        """What changed since an earlier version."""
        return await _thread(self.local.sheet_changes, sheet_id, version)

    async def preview(self, sheet_id: str, *, limit: int) -> TrainingSheetPreview:
        """The first lines of what would be trained on."""
        return await _thread(self.local.preview, sheet_id, limit=limit)

    @property
    def may_import(self) -> bool:
        """Whether the caller may make training sheets of uploads."""
        return self.caller.may_act_as(least_role(LocalClient.import_upload))

    @property
    def may_approve(self) -> bool:
        """Whether the caller may say that a training sheet may be trained on."""
        return self.caller.may_act_as(least_role(LocalClient.approve_sheet))

    @property
    def import_prefixes(self) -> tuple[BucketLocation, ...]:
        """What the caller may import from buckets lies below these; none where no bucket is allowed."""
        return self.local.import_prefixes() if self.may_import else ()

    async def fetch_upload(self, url: str, version: str | None) -> Upload:
        """A new upload, fetched from a bucket."""
        return await _thread(lambda: self.local.fetch_upload(url, version=version))

    async def look_at_upload(self, upload_id: str, asked: ImportTrainingSheet) -> ImportDryRun:
        """What an upload would become."""
        return await _thread(lambda: self.local.look_at_upload(self.local.upload(upload_id), asked))

    async def import_upload(self, upload_id: str, asked: ImportTrainingSheet) -> TrainingSheetDetails:
        """The training sheet made of an upload."""
        return await _thread(lambda: self.local.import_upload(self.local.upload(upload_id), asked))

    async def discard_upload(self, upload_id: str) -> None:
        """Delete an upload."""
        await _thread(self.local.discard_upload, upload_id)

    async def approve_sheet(self, sheet_id: str, digest: str) -> TrainingSheetDetails:
        """The training sheet, approved."""
        return await _thread(self.local.approve_sheet, sheet_id, {"digest": digest})

    @property
    def may_review(self) -> bool:
        """Whether the caller may edit pairs of training sheets."""
        return self.caller.may_act_as(least_role(LocalClient.edit_pairs))

    async def edit_pairs(self, sheet_id: str, body: Mapping[str, Any]) -> TrainingSheetEdit:
        """The edit, done."""
        return await _thread(self.local.edit_pairs, sheet_id, body)

    async def take_over_sheet(self, sheet_id: str, digest: str) -> TrainingSheetDetails:
        """Move the pairs of a sheet in a file of others into one of ours."""
        return await _thread(self.local.take_over_sheet, sheet_id, {"digest": digest})

    async def undo_edit(self, sheet_id: str, number: int, digest: str) -> TrainingSheetEdit:
        """The edit that took another one back."""
        return await _thread(self.local.undo_edit, sheet_id, number, {"digest": digest})

    async def sheet_edits(self, sheet_id: str, *, page_size: int, cursor: str | None = None) -> TrainingSheetEdits:
        """A page of the edits of a sheet, and whether it can be edited here."""
        return await _thread(self.local.sheet_edits, sheet_id, page_size=page_size, cursor=cursor)

    async def pair_text(self, sheet_id: str, pair_id: str) -> tuple[tuple[str, str], ...]:
        """Role and content of each message of a pair that may be edited."""
        return await _thread(self.local.pair_text, sheet_id, pair_id)

    async def base_models(self) -> BaseModels:
        """The base models on offer."""
        return await _thread(self.local.base_models)

    async def plan(self, request: Mapping[str, Any]) -> DryRun:
        """The dry run of a new job."""
        return await _thread(self.local.plan, request)

    async def plan_retry(self, job_id: str, changes: Mapping[str, Any]) -> DryRun:
        """The dry run of a retry."""
        return await _thread(self.local.plan_retry, job_id, changes=changes)

    async def create(self, request: Mapping[str, Any], *, draft: str) -> TrainingJob:
        """The new job; with the same draft and request, the one that the first call created."""
        key = _key(draft, "create", request)
        return (await _thread(self.local.create, request, idempotency_key=key)).job

    async def retry(self, job_id: str, changes: Mapping[str, Any], *, draft: str) -> TrainingJob:
        """A new job like this one; the same for the same draft and changes."""
        key = _key(draft, f"retry {job_id}", changes)
        return (await _thread(self.local.retry, job_id, changes=changes, idempotency_key=key)).job

    async def cancel(self, job_id: str, *, reason: str) -> None:
        """Cancel a job, or request a cancel."""
        await _thread(self.local.cancel, job_id, reason=reason)

    def may_annotate(self, job: TrainingJob) -> bool:
        """Whether the caller may write on the job: its creator may, and admins."""
        own = self.caller.name == job.created_by or self.caller.may_act_as(Role.ADMIN)
        return own and self.caller.may_act_as(least_role(LocalClient.annotate))

    async def annotate(self, job_id: str, *, note: str, tags: Sequence[str]) -> None:
        """Replace the note and the tags of a job."""
        await _thread(self.local.annotate, job_id, note=note, tags=tags)

    async def finish(self, job_id: str) -> None:
        """Finish a trained job now."""
        await _thread(self.local.finish, job_id)

    async def _shared(self, what: str, call: Callable[[], T]) -> T:
        answer: T = await self.flights.run(f"{what} for {self.caller.role}", call, anew=True)
        return answer


def _key(draft: str, operation: str, asked: Mapping[str, Any]) -> str:
    """The key of what a draft asks for now: once it is changed, it asks for another job."""
    return f"{draft}-{body_hash(operation, dict(asked))[:16]}"


async def _unchanged(call: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """What is read of a sheet; once more where somebody edits it at that moment."""
    with suppress(SheetChanged):
        return await _thread(call, *arguments, **named)
    return await _thread(call, *arguments, **named)


async def _thread(call: Callable[..., T], *arguments: Any, **named: Any) -> T:
    return await to_thread.run_sync(partial(call, *arguments, **named))
