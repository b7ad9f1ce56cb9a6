"""Training jobs and training sheets of this installation, for one caller.

What a person asks for over HTTP, on a page or on the command line comes here. Roles and ownership are enforced here, by
the rules in `domain.access`; API and pages ask for the role earlier as well, before they read what was sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from training_pipeline.app.container import Services
from training_pipeline.app.readiness import daemon_runs
from training_pipeline.client.advice import job_advice
from training_pipeline.client.audit.archive import audit
from training_pipeline.client.base import Created, Notice, Pairs, Update
from training_pipeline.client.decisions import decision_page
from training_pipeline.client.diff import diff_page
from training_pipeline.client.idempotent import create_once
from training_pipeline.client.pages import event_page, job_page, lineage_page, version_page
from training_pipeline.client.revocations import revocation_page
from training_pipeline.client.roles import needs
from training_pipeline.client.sheets import sheet_changes, sheet_pair_page, sheet_versions
from training_pipeline.datasets.preview import preview
from training_pipeline.datasets.summary import export_summary
from training_pipeline.domain.access import Caller, Role, require
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.domain.job import ACTIVE, TERMINAL, Action, JobStatus
from training_pipeline.domain.job import TrainingJob as StoredJob
from training_pipeline.domain.model_version import VersionState
from training_pipeline.domain.pair_change import PairChange
from training_pipeline.domain.revocations import revoked
from training_pipeline.domain.training_sheet import TRAINABLE_SHEETS
from training_pipeline.domain.uses import Kind, question
from training_pipeline.domain.validation import problems_from_validation
from training_pipeline.models.revocations import read
from training_pipeline.models.uses import ask
from training_pipeline.models.versions.find import VersionFacets
from training_pipeline.schemas import paging
from training_pipeline.schemas.advice import TrainingJobAdvice
from training_pipeline.schemas.base_model import BaseModelOffer, BaseModels
from training_pipeline.schemas.decision import Decide, Decision, DecisionPage
from training_pipeline.schemas.diff import TrainingJobDiff
from training_pipeline.schemas.evaluation import EvaluateModelVersion, ModelEvaluation, ModelEvaluations
from training_pipeline.schemas.event import TrainingJobEventPage
from training_pipeline.schemas.lineage import TrainingJobLineage
from training_pipeline.schemas.metrics import TrainingJobMetrics
from training_pipeline.schemas.model_version import (
    ModelEndpoints,
    ModelVersionDetails,
    ModelVersionPage,
    ModelVersionVerification,
)
from training_pipeline.schemas.promotion import ModelPromotion, ModelPromotions, PromoteModelVersion, RollBackAlias
from training_pipeline.schemas.requests import CreateTrainingJob, RetryTrainingJob
from training_pipeline.schemas.revocation import RevocationDetails, RevocationPage, RevocationPreview, Revoke
from training_pipeline.schemas.sheet_import import ApproveTrainingSheet, ImportDryRun, ImportTrainingSheet
from training_pipeline.schemas.sheet_pairs import TrainingSheetPairs
from training_pipeline.schemas.suite import CreateSuite, Suite, SuiteCheck, Suites
from training_pipeline.schemas.training_job import ActiveTrainingJobs, TrainingJob, TrainingJobPage
from training_pipeline.schemas.training_sheet import (
    DryRun,
    ExportSummary,
    TrainingSheet,
    TrainingSheetDetails,
    TrainingSheetPreview,
    TrainingSheets,
)
from training_pipeline.schemas.uses import Uses
from training_pipeline.sheets.diff import SheetDiff
from training_pipeline.training_jobs.lifecycle.service import refused
from training_pipeline.training_jobs.store.facets import Facets, facets
from training_pipeline.training_jobs.store.idempotency import body_hash
from training_pipeline.training_jobs.store.metric_series import FIRST_STEP, LAST_STEP, metric_series
from training_pipeline.training_jobs.store.queries import JobSort
from training_pipeline.training_jobs.urls import Addresses
from training_pipeline.uploads.staging import Receiving, Upload

#: A job that is followed is read this often.
FOLLOW_SECONDS: Final = 1.0

M = TypeVar("M", bound=BaseModel)
#: Drives a job to its end in this process; gives the job after every step.
Drive = Callable[[str], Iterator[StoredJob]]


class LocalClient:
    """A `Client` over the services of one installation. The caller is the actor of everything.

    Raises `Forbidden` where the caller's role does not reach, `NotYours` where the job is somebody else's. With a
    `drive`, `follow` works on a job itself where no daemon of Dagster does.
    """

    def __init__(self, services: Services, caller: Caller, *, drive: Drive | None = None) -> None:
        self.caller = caller
        self._services = services
        self._drive = drive
        self._addresses = Addresses.of(services.settings)

    @needs(Role.OPERATOR)
    def create(self, body: Mapping[str, Any] | CreateTrainingJob, *, idempotency_key: str | None = None) -> Created:
        """See `Client`."""
        request = _checked(CreateTrainingJob, body)
        return create_once(
            self._services,
            who=self.caller.name,
            key=idempotency_key,
            body_hash=body_hash("create", request.model_dump(mode="json", exclude_unset=True)),
            create=lambda also: self._services.jobs.create(request, created_by=self.caller.name, also=also),
            shown=self.shown,
        )

    @needs(Role.OPERATOR)
    def plan(self, body: Mapping[str, Any] | CreateTrainingJob) -> DryRun:
        """See `Client`."""
        return DryRun.of(self._services.jobs.plan(_checked(CreateTrainingJob, body)))

    @needs(Role.VIEWER)
    def list(
        self,
        *,
        statuses: Collection[JobStatus] = (),
        training_sheet_id: str | None = None,
        created_by: str | None = None,
        search: str | None = None,
        tainted: bool = False,
        sort: JobSort = JobSort.CREATED_AT,
        descending: bool = True,
        page: int | None = None,
        page_size: int = 50,
        cursor: str | None = None,
    ) -> TrainingJobPage:
        """See `Client`."""
        return job_page(
            self._services.store,
            self.shown,
            statuses=statuses,
            training_sheet_id=training_sheet_id,
            created_by=created_by,
            search=search,
            tainted=tainted,
            sort=sort,
            descending=descending,
            page=page,
            page_size=page_size,
            cursor=cursor,
        )

    @needs(Role.VIEWER)
    def active(self) -> ActiveTrainingJobs:
        """See `Client`."""
        jobs, total = self._services.jobs.list(statuses=ACTIVE, limit=None)
        return ActiveTrainingJobs(jobs=[self.shown(job) for job in jobs], total=total)

    @needs(Role.VIEWER)
    def get(self, job_id: str) -> TrainingJob:
        """See `Client`."""
        return self.shown(self._services.jobs.get(job_id))

    @needs(Role.VIEWER)
    def poll(self, job_id: str) -> TrainingJob:
        """See `Client`."""
        self._require(Action.POLL, job_id)
        return self.shown(self._services.jobs.poll(job_id))

    @needs(Role.OPERATOR)
    def cancel(self, job_id: str, *, reason: str) -> TrainingJob:
        """See `Client`."""
        self._require(Action.CANCEL, job_id)
        return self.shown(self._services.jobs.cancel(job_id, actor=self.caller.name, reason=reason))

    @needs(Role.OPERATOR)
    def finish(self, job_id: str) -> TrainingJob:
        """See `Client`."""
        self._require(Action.FINISH, job_id)
        return self.shown(self._services.jobs.finish(job_id, actor=self.caller.name))

    @needs(Role.OPERATOR)
    def retry(
        self, job_id: str, *, changes: Mapping[str, Any] | None = None, idempotency_key: str | None = None
    ) -> Created:
        """See `Client`."""
        stated = _changes(changes)

        def create(also: Any) -> StoredJob:
            self._require(Action.RETRY, job_id)
            return self._services.jobs.retry(job_id, actor=self.caller.name, changes=stated, also=also)

        return create_once(
            self._services,
            who=self.caller.name,
            key=idempotency_key,
            body_hash=body_hash(f"retry {job_id}", stated),
            create=create,
            shown=self.shown,
        )

    @needs(Role.OPERATOR)
    def plan_retry(self, job_id: str, *, changes: Mapping[str, Any] | None = None) -> DryRun:
        """The dry run of `retry`, which the REST API does not have; stores nothing."""
        stated = _changes(changes)
        self._require(Action.RETRY, job_id)
        return DryRun.of(self._services.jobs.plan_retry(job_id, changes=stated))

    @needs(Role.VIEWER)
    def events(
        self, job_id: str, *, page: int | None = None, page_size: int = 50, cursor: str | None = None
    ) -> TrainingJobEventPage:
        """See `Client`."""
        return event_page(self._services.store, job_id, page=page, page_size=page_size, cursor=cursor)

    @needs(Role.VIEWER)
    def metrics(
        self, job_id: str, *, from_step: int | None = None, to_step: int | None = None, resolution: int = 500
    ) -> TrainingJobMetrics:
        """See `Client`."""
        first = FIRST_STEP if from_step is None else from_step
        last = LAST_STEP if to_step is None else to_step
        if last < first:
            raise paging.invalid("to_step", "no_stretch", "must not be less than from_step")
        job = self._services.jobs.get(job_id)
        series = metric_series(self._services.store, job_id, from_step=first, to_step=last, resolution=resolution)
        return TrainingJobMetrics.of(job, series)

    @needs(Role.VIEWER)
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
        return lineage_page(
            self._services.store, job_id, pairs=pairs, search=search, page_size=page_size, cursor=cursor
        )

    @needs(Role.VIEWER)
    def advice(self, job_id: str) -> TrainingJobAdvice:
        """See `Client`."""
        return job_advice(self._services.store, job_id)

    @needs(Role.VIEWER)
    def audit_job(self, job_id: str) -> Iterator[bytes]:
        """See `Client`."""
        return self._audit(self._services.jobs.get(job_id))

    @needs(Role.VIEWER)
    def audit_model_version(self, name: str, version: str) -> Iterator[bytes]:
        """See `Client`."""
        return self._audit(self._services.versions.subject(name, version).job)

    @needs(Role.VIEWER)
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
        return diff_page(self._services.store, first_id, second_id, changes=changes, page_size=page_size, cursor=cursor)

    @needs(Role.VIEWER)
    def follow(self, job_id: str, *, after: int = 0) -> Iterator[Update]:
        """See `Client`. Without a running daemon, `drive` runs the job if it is given."""
        drive = None if self._drive is None or daemon_runs(self._services) else self._drive
        if drive is not None and self.get(job_id).status not in TERMINAL:
            yield Notice(
                "Dagster's daemon is not running, so this command runs the job itself. If you stop it, "
                "the job continues with the next `training-pipeline up`."
            )
        seen: set[int] = set()
        last: TrainingJob | None = None
        for stored in (drive or self._read)(job_id):
            job = self.shown(stored)
            # Newest first, and from where they are known: an event may be stored after one with a higher id.
            fresh = [event for event in self.events(job_id).events if event.id > after and event.id not in seen]
            yield from reversed(fresh)
            seen.update(event.id for event in fresh)
            if last is None or job != last:
                yield job
            last = job

    @needs(Role.VIEWER)
    def training_sheets(self) -> TrainingSheets:
        """See `Client`."""
        sheets = [
            TrainingSheet.model_validate(TrainingSheet.fields_of(sheet)) for sheet in self._services.source.list()
        ]
        return TrainingSheets(training_sheets=sheets, total=len(sheets))

    @needs(Role.VIEWER)
    def training_sheet(self, sheet_id: str) -> TrainingSheetDetails:
        """See `Client`."""
        with self._services.source.open(sheet_id) as opened:
            withdrawn = self._services.revocations.withdrawn(sheet_id)
            summary = ExportSummary.of(export_summary(opened, self._services.policy, withdrawn=withdrawn))
            fields = TrainingSheet.fields_of(opened.sheet)
            return TrainingSheetDetails(**fields, digest=opened.digest, export_summary=summary)

    @needs(Role.VIEWER)
    def sheet_pairs(
        self,
        sheet_id: str,
        *,
        verdict: str | None = None,
        status: str | None = None,
        search: str | None = None,
        page_size: int = 50,
        cursor: str | None = None,
    ) -> TrainingSheetPairs:
        """See `Client`."""
        return sheet_pair_page(
            self._services,
            sheet_id,
            verdict=verdict,
            status=status,
            search=search,
            page_size=page_size,
            cursor=cursor,
        )

    @needs(Role.VIEWER)
    def sheet_versions(self, sheet_id: str) -> tuple[str, ...]:
        """The earlier versions of a sheet, the newest first; the REST API does not offer this."""
        return sheet_versions(self._services, sheet_id)

    @needs(Role.VIEWER)
    def sheet_changes(self, sheet_id: str, version: str) -> SheetDiff:
        """What changed since an earlier version of a sheet; the REST API does not offer this."""
        return sheet_changes(self._services, sheet_id, version)

    @needs(Role.VIEWER)
    def preview(self, sheet_id: str, *, limit: int = 5) -> TrainingSheetPreview:
        """See `Client`."""
        with self._services.source.open(sheet_id) as opened:
            trainable = opened.sheet.status in TRAINABLE_SHEETS
            withdrawn = self._services.revocations.withdrawn(sheet_id)
            lines = preview(opened, self._services.policy, limit, withdrawn=withdrawn) if trainable else []
        return TrainingSheetPreview(training_sheet_id=sheet_id, trainable=trainable, lines=lines)

    @needs(Role.OPERATOR)
    def look_at_upload(self, upload: Upload, asked: ImportTrainingSheet) -> ImportDryRun:
        """What an upload would become, which the REST API asks for with `dry_run`; makes no training sheet."""
        found = self._services.imports.look(upload, asked.request())
        return ImportDryRun.of(upload.id, upload.file.name, found)

    @needs(Role.OPERATOR)
    def import_upload(self, upload: Upload, asked: ImportTrainingSheet) -> TrainingSheetDetails:
        """The training sheet made of an upload, which is deleted: in review, unless a steward says otherwise."""
        self._services.imports.create(upload, asked.request(), self.caller, replace=asked.replace)
        return self.training_sheet(asked.id)

    @needs(Role.OPERATOR)
    def upload(self, upload_id: str) -> Upload:
        """An upload of the caller's own; raises `NotFound`."""
        return self._services.imports.uploads.get(upload_id, self.caller.name)

    @needs(Role.OPERATOR)
    def discard_upload(self, upload_id: str) -> None:
        """Delete an upload of the caller's own; raises `NotFound`."""
        self._services.imports.uploads.delete(self.upload(upload_id))

    @needs(Role.OPERATOR)
    def receive_upload(self, name: str) -> AbstractContextManager[Receiving]:
        """A new upload of the caller's, to be written in the context; raises `UploadTooLarge`."""
        return self._services.imports.uploads.receive(self.caller.name, name)

    @needs(Role.STEWARD)
    def approve_sheet(self, sheet_id: str, body: Mapping[str, Any] | ApproveTrainingSheet) -> TrainingSheetDetails:
        """See `Client`."""
        asked = _checked(ApproveTrainingSheet, body)
        self._services.imports.approve(sheet_id, digest=asked.digest, caller=self.caller)
        return self.training_sheet(sheet_id)

    @needs(Role.VIEWER)
    def base_models(self) -> BaseModels:
        """See `Client`."""
        offers = [BaseModelOffer.model_validate(offer) for offer in self._services.backend.base_models()]
        offers.sort(key=lambda offer: not offer.default)
        return BaseModels(models=offers, total=len(offers))

    @needs(Role.OPERATOR)
    def create_suite(self, body: Mapping[str, Any] | CreateSuite) -> Suite:
        """See `Client`."""
        asked = body if isinstance(body, CreateSuite) else _suite_asked(body)
        made = self._services.suites.create(asked.name, asked.training_sheet_ids, created_by=self.caller.name)
        return Suite.of(made)

    @needs(Role.VIEWER)
    def suites(self) -> Suites:
        """See `Client`."""
        suites = [Suite.of(each) for each in self._services.suites.list()]
        return Suites(suites=suites, total=len(suites))

    @needs(Role.VIEWER)
    def suite(self, name: str) -> Suite:
        """See `Client`."""
        return Suite.of(self._services.suites.get(name))

    @needs(Role.VIEWER)
    def check_suite(self, name: str, job_id: str) -> SuiteCheck:
        """See `Client`."""
        return SuiteCheck.model_validate(self._services.suites.check(name, job_id))

    @needs(Role.VIEWER)
    def uses(
        self,
        *,
        pair: str | None = None,
        item: str | None = None,
        label: str | None = None,
        row_hash: str | None = None,
        question_hash: str | None = None,
        template: str | None = None,
        sheet: str | None = None,
    ) -> Uses:
        """See `Client`."""
        keys: dict[Kind, str | None] = {
            "pair": pair,
            "item": item,
            "label": label,
            "row_hash": row_hash,
            "question_hash": question_hash,
            "template": template,
            "sheet": sheet,
        }
        return Uses.model_validate(ask.uses(self._services.store, question(keys)))

    @needs(Role.STEWARD)
    def preview_revocation(self, body: Mapping[str, Any] | Revoke) -> RevocationPreview:
        """See `Client`."""
        asked = _checked(Revoke, body)
        return RevocationPreview.of(self._services.revocations.preview(revoked(_keys(asked), reason=asked.reason)))

    @needs(Role.STEWARD)
    def revoke(self, body: Mapping[str, Any] | Revoke) -> RevocationDetails:
        """See `Client`."""
        asked = _checked(Revoke, body)
        what = revoked(_keys(asked), reason=asked.reason)
        made = self._services.revocations.revoke(what, reason=asked.reason, actor=self.caller.name)
        return self.revocation(made.revocation.id)

    @needs(Role.VIEWER)
    def revocations(
        self, *, job_id: str | None = None, page: int | None = None, page_size: int = 50, cursor: str | None = None
    ) -> RevocationPage:
        """See `Client`."""
        return revocation_page(self._services.store, job_id=job_id, page=page, page_size=page_size, cursor=cursor)

    @needs(Role.VIEWER)
    def revocation(self, revocation_id: str) -> RevocationDetails:
        """See `Client`."""
        return RevocationDetails.whole(read.whole(self._services.store, revocation_id))

    @needs(Role.STEWARD)
    def decide(self, body: Mapping[str, Any] | Decide) -> Decision:
        """See `Client`."""
        asked = _checked(Decide, body)
        made = self._services.decisions.decide(
            asked.model_name,
            asked.model_version,
            asked.decision,
            reason=asked.reason,
            actor=self.caller.name,
            due=asked.due,
            evidence=asked.evidence,
        )
        return Decision.of(made, self._services.decisions.holding([made.job_id]))

    @needs(Role.VIEWER)
    def decisions(
        self,
        *,
        model_name: str | None = None,
        model_version: str | None = None,
        page: int | None = None,
        page_size: int = 50,
        cursor: str | None = None,
    ) -> DecisionPage:
        """See `Client`."""
        return decision_page(
            self._services.decisions,
            model_name=model_name,
            model_version=model_version,
            page=page,
            page_size=page_size,
            cursor=cursor,
        )

    @needs(Role.VIEWER)
    def model_versions(
        self,
        *,
        name: str | None = None,
        alias: str | None = None,
        state: VersionState | None = None,
        sheet: str | None = None,
        page: int | None = None,
        page_size: int = 50,
        cursor: str | None = None,
    ) -> ModelVersionPage:
        """See `Client`."""
        return version_page(
            self._services.versions,
            name=name,
            alias=alias,
            state=state,
            sheet=sheet,
            page=page,
            page_size=page_size,
            cursor=cursor,
        )

    @needs(Role.VIEWER)
    def model_version(self, name: str, version: str) -> ModelVersionDetails:
        """See `Client`."""
        whole = self._services.versions.show(name, version)
        return ModelVersionDetails.of_whole(whole, self._addresses, self._services.retrains.of(name, version))

    @needs(Role.OPERATOR)
    def retrain(self, name: str, version: str) -> TrainingJob:
        """See `Client`."""
        return self.shown(self._services.retrains.launch(name, version, actor=self.caller.name))

    @needs(Role.VIEWER)
    def verify_model_version(self, name: str, version: str) -> ModelVersionVerification:
        """See `Client`."""
        checks = self._services.versions.verify(name, version)
        return ModelVersionVerification.of_checks(name, version, checks)

    @needs(Role.OPERATOR)
    def add_endpoint(self, name: str, version: str, *, url: str) -> ModelEndpoints:
        """See `Client`."""
        found = self._services.versions.add_endpoint(name, version, url, actor=self.caller.name)
        return ModelEndpoints.model_validate({"endpoints": found})

    @needs(Role.OPERATOR)
    def remove_endpoint(self, name: str, version: str, *, url: str) -> ModelEndpoints:
        """See `Client`."""
        found = self._services.versions.remove_endpoint(name, version, url, actor=self.caller.name)
        return ModelEndpoints.model_validate({"endpoints": found})

    @needs(Role.OPERATOR)
    def evaluate(self, name: str, version: str, body: Mapping[str, Any] | EvaluateModelVersion) -> ModelEvaluation:
        """See `Client`."""
        asked = _checked(EvaluateModelVersion, body)
        made = self._services.evaluations.start(
            name, version, asked.suite, champion=asked.champion, base=asked.base, actor=self.caller.name
        )
        return ModelEvaluation.of(made)

    @needs(Role.VIEWER)
    def evaluations(self, name: str, version: str) -> ModelEvaluations:
        """See `Client`."""
        return ModelEvaluations.of(self._services.evaluations.of_version(name, version))

    @needs(Role.OPERATOR)
    def cancel_evaluation(self, name: str, version: str, evaluation_id: str) -> ModelEvaluation:
        """See `Client`."""
        return ModelEvaluation.of(self._services.evaluations.cancel(name, version, evaluation_id))

    @needs(Role.OPERATOR)
    def promote(self, name: str, version: str, body: Mapping[str, Any] | PromoteModelVersion) -> ModelPromotion:
        """See `Client`."""
        asked = _checked(PromoteModelVersion, body)
        made = self._services.promotions.promote(
            name,
            version,
            asked.alias,
            gate=None if asked.gate is None else asked.gate.model_dump(),
            suite=asked.suite,
            held=asked.held,
            actor=self.caller.name,
        )
        return ModelPromotion.of(made)

    @needs(Role.OPERATOR)
    def roll_back(self, name: str, body: Mapping[str, Any] | RollBackAlias) -> ModelPromotion:
        """See `Client`."""
        asked = _checked(RollBackAlias, body)
        made = self._services.promotions.roll_back(name, asked.alias, reason=asked.reason, actor=self.caller.name)
        return ModelPromotion.of(made)

    @needs(Role.VIEWER)
    def promotions(self, name: str) -> ModelPromotions:
        """See `Client`."""
        return ModelPromotions.of(self._services.promotions.of_model(name))

    @needs(Role.VIEWER)
    def version_facets(self) -> VersionFacets:
        """The values that model versions may be filtered by; the REST API does not offer this."""
        return self._services.versions.facets()

    @needs(Role.VIEWER)
    def facets(self) -> Facets:
        """The values that jobs may be filtered by; the REST API does not offer this."""
        return facets(self._services.store)

    def _audit(self, job: StoredJob) -> Iterator[bytes]:
        return audit(
            self._services.store,
            self._services.decisions,
            job,
            shown=self.shown,
            details=self.model_version,
            made_by=self.caller.name,
        )

    def shown(self, job: StoredJob) -> TrainingJob:
        """A job of the store as the caller sees it: with what the caller may do."""
        return TrainingJob.of(job, self.caller, self._addresses)

    def _require(self, action: Action, job_id: str) -> None:
        # Who created a job never changes, so what is found here still holds when the service acts.
        require(self.caller, action, self._services.jobs.get(job_id))

    def _read(self, job_id: str) -> Iterator[StoredJob]:
        while True:
            job = self._services.store.get(job_id)
            yield job
            if job.status in TERMINAL:
                return
            time.sleep(FOLLOW_SECONDS)


def _keys(asked: Revoke) -> dict[Kind, str | None]:
    return {
        "pair": asked.pair,
        "item": asked.item,
        "label": asked.label,
        "row_hash": asked.row_hash,
        "sheet": asked.sheet,
    }


def _checked(model: type[M], body: Mapping[str, Any] | M) -> M:
    """The body as the REST API would take it: a text is not taken for a number."""
    if isinstance(body, model):
        return body
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise refused(error) from None


def _suite_asked(body: Mapping[str, Any]) -> CreateSuite:
    try:
        return CreateSuite.model_validate(body)
    except ValidationError as error:
        problems = problems_from_validation(list(error.errors()))
        raise InvalidRequest("The suite cannot be made.", problems=problems) from None


def _changes(changes: Mapping[str, Any] | None) -> dict[str, Any]:
    """The keys of training_config to change, with their values, as the REST API would take them."""
    request = _checked(RetryTrainingJob, {"training_config": dict(changes or {})})
    return request.training_config.model_dump(exclude_unset=True)
