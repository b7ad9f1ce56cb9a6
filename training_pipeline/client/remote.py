"""Training jobs and training sheets behind a REST API."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from training_pipeline.client.base import Created, Pairs, Update
from training_pipeline.client.http import HttpService
from training_pipeline.client.stream import follow
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.model_version import VersionState
from training_pipeline.domain.pair_change import PairChange
from training_pipeline.schemas.advice import TrainingJobAdvice
from training_pipeline.schemas.base_model import BaseModels
from training_pipeline.schemas.decision import Decision, DecisionPage
from training_pipeline.schemas.diff import TrainingJobDiff
from training_pipeline.schemas.evaluation import ModelEvaluation, ModelEvaluations
from training_pipeline.schemas.event import TrainingJobEventPage
from training_pipeline.schemas.lineage import TrainingJobLineage
from training_pipeline.schemas.metrics import TrainingJobMetrics
from training_pipeline.schemas.model_version import (
    ModelEndpoints,
    ModelVersionDetails,
    ModelVersionPage,
    ModelVersionVerification,
)
from training_pipeline.schemas.promotion import ModelPromotion, ModelPromotions
from training_pipeline.schemas.revocation import RevocationDetails, RevocationPage, RevocationPreview
from training_pipeline.schemas.sheet_pairs import TrainingSheetPairs
from training_pipeline.schemas.suite import Suite, SuiteCheck, Suites
from training_pipeline.schemas.training_job import ActiveTrainingJobs, TrainingJob, TrainingJobPage
from training_pipeline.schemas.training_sheet import DryRun, TrainingSheetDetails, TrainingSheetPreview, TrainingSheets
from training_pipeline.schemas.uses import Uses
from training_pipeline.training_jobs.store.queries import JobSort


class RemoteClient:
    """A `Client` over HTTP."""

    def __init__(self, service: HttpService) -> None:
        self._service = service

    def create(self, body: Mapping[str, Any], *, idempotency_key: str | None = None) -> Created:
        """See `Client`. Without a key it makes one up, and names it where the answer is lost."""
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
            "sort": str(sort),
            "descending": descending,
            "page": page,
            "page_size": page_size,
            "cursor": cursor,
        }
        return self._service.ask(TrainingJobPage, "GET", "/jobs", params=params)

    def active(self) -> ActiveTrainingJobs:
        """See `Client`."""
        return self._service.ask(ActiveTrainingJobs, "GET", "/active")

    def get(self, job_id: str) -> TrainingJob:
        """See `Client`."""
        return self._service.ask(TrainingJob, "GET", _job(job_id))

    def poll(self, job_id: str) -> TrainingJob:
        """See `Client`."""
        return self._service.ask(TrainingJob, "POST", _job(job_id, "/poll"))

    def cancel(self, job_id: str, *, reason: str) -> TrainingJob:
        """See `Client`."""
        return self._service.ask(TrainingJob, "POST", _job(job_id, "/cancel"), body={"reason": reason})

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
        self, job_id: str, *, from_step: int | None = None, to_step: int | None = None, resolution: int = 500
    ) -> TrainingJobMetrics:
        """See `Client`."""
        params = {"from_step": from_step, "to_step": to_step, "resolution": resolution}
        return self._service.ask(TrainingJobMetrics, "GET", _job(job_id, "/metrics"), params=params)

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

    def audit_job(self, job_id: str) -> Iterator[bytes]:
        """See `Client`."""
        return self._service.download(_job(job_id, "/audit"))

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

    def follow(self, job_id: str, *, after: int = 0) -> Iterator[Update]:
        """See `Client`, and `stream.follow`."""
        return follow(self._service, lambda: self.get(job_id), job_id, after=after)

    def training_sheets(self) -> TrainingSheets:
        """See `Client`."""
        return self._service.ask(TrainingSheets, "GET", "/training-sheets")

    def training_sheet(self, sheet_id: str) -> TrainingSheetDetails:
        """See `Client`."""
        return self._service.ask(TrainingSheetDetails, "GET", _sheet(sheet_id))

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
        params = {"verdict": verdict, "status": status, "search": search, "page_size": page_size, "cursor": cursor}
        path = f"/training-sheets/{quote(sheet_id, safe='')}/pairs"
        return self._service.ask(TrainingSheetPairs, "GET", path, params=params)

    def approve_sheet(self, sheet_id: str, body: Mapping[str, Any]) -> TrainingSheetDetails:
        """See `Client`."""
        path = f"/training-sheets/{quote(sheet_id, safe='')}/approve"
        return self._service.ask(TrainingSheetDetails, "POST", path, body=body)

    def preview(self, sheet_id: str, *, limit: int = 5) -> TrainingSheetPreview:
        """See `Client`."""
        return self._service.ask(TrainingSheetPreview, "GET", _sheet(sheet_id, "/preview"), params={"limit": limit})

    def base_models(self) -> BaseModels:
        """See `Client`."""
        return self._service.ask(BaseModels, "GET", "/models")

    def create_suite(self, body: Mapping[str, Any]) -> Suite:
        """See `Client`."""
        return self._service.ask(Suite, "POST", "/suites", body=body)

    def suites(self) -> Suites:
        """See `Client`."""
        return self._service.ask(Suites, "GET", "/suites")

    def suite(self, name: str) -> Suite:
        """See `Client`."""
        return self._service.ask(Suite, "GET", f"/suites/{quote(name, safe='')}")

    def check_suite(self, name: str, job_id: str) -> SuiteCheck:
        """See `Client`."""
        path = f"/suites/{quote(name, safe='')}/check"
        return self._service.ask(SuiteCheck, "GET", path, params={"job_id": job_id})

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
        params = {
            "pair": pair,
            "item": item,
            "label": label,
            "row_hash": row_hash,
            "question_hash": question_hash,
            "template": template,
            "sheet": sheet,
        }
        return self._service.ask(Uses, "GET", "/uses", params=params)

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
        params = {
            "name": name,
            "alias": alias,
            "state": None if state is None else str(state),
            "sheet": sheet,
            "page": page,
            "page_size": page_size,
            "cursor": cursor,
        }
        return self._service.ask(ModelVersionPage, "GET", "/model-versions", params=params)

    def model_version(self, name: str, version: str) -> ModelVersionDetails:
        """See `Client`."""
        return self._service.ask(ModelVersionDetails, "GET", _version(name, version))

    def audit_model_version(self, name: str, version: str) -> Iterator[bytes]:
        """See `Client`."""
        return self._service.download(_version(name, version, "/audit"))

    def retrain(self, name: str, version: str) -> TrainingJob:
        """See `Client`."""
        return self._service.ask(TrainingJob, "POST", _version(name, version, "/retrain"))

    def verify_model_version(self, name: str, version: str) -> ModelVersionVerification:
        """See `Client`."""
        return self._service.ask(ModelVersionVerification, "POST", _version(name, version, "/verify"))

    def add_endpoint(self, name: str, version: str, *, url: str) -> ModelEndpoints:
        """See `Client`."""
        return self._service.ask(ModelEndpoints, "POST", _version(name, version, "/endpoints"), body={"url": url})

    def remove_endpoint(self, name: str, version: str, *, url: str) -> ModelEndpoints:
        """See `Client`."""
        return self._service.ask(ModelEndpoints, "DELETE", _version(name, version, "/endpoints"), params={"url": url})

    def evaluate(self, name: str, version: str, body: Mapping[str, Any]) -> ModelEvaluation:
        """See `Client`."""
        return self._service.ask(ModelEvaluation, "POST", _version(name, version, "/evaluations"), body=body)

    def evaluations(self, name: str, version: str) -> ModelEvaluations:
        """See `Client`."""
        return self._service.ask(ModelEvaluations, "GET", _version(name, version, "/evaluations"))

    def cancel_evaluation(self, name: str, version: str, evaluation_id: str) -> ModelEvaluation:
        """See `Client`."""
        path = _version(name, version, f"/evaluations/{quote(evaluation_id, safe='')}/cancel")
        return self._service.ask(ModelEvaluation, "POST", path)

    def promote(self, name: str, version: str, body: Mapping[str, Any]) -> ModelPromotion:
        """See `Client`."""
        return self._service.ask(ModelPromotion, "POST", _version(name, version, "/promote"), body=body)

    def roll_back(self, name: str, body: Mapping[str, Any]) -> ModelPromotion:
        """See `Client`."""
        return self._service.ask(ModelPromotion, "POST", f"/promotions/{quote(name, safe='')}/roll-back", body=body)

    def promotions(self, name: str) -> ModelPromotions:
        """See `Client`."""
        return self._service.ask(ModelPromotions, "GET", f"/promotions/{quote(name, safe='')}")

    def preview_revocation(self, body: Mapping[str, Any]) -> RevocationPreview:
        """See `Client`."""
        return self._service.ask(RevocationPreview, "POST", "/revocations", params={"dry_run": True}, body=body)

    def revoke(self, body: Mapping[str, Any]) -> RevocationDetails:
        """See `Client`."""
        return self._service.ask(RevocationDetails, "POST", "/revocations", body=body)

    def revocations(
        self, *, job_id: str | None = None, page: int | None = None, page_size: int = 50, cursor: str | None = None
    ) -> RevocationPage:
        """See `Client`."""
        params = {"job_id": job_id, "page": page, "page_size": page_size, "cursor": cursor}
        return self._service.ask(RevocationPage, "GET", "/revocations", params=params)

    def revocation(self, revocation_id: str) -> RevocationDetails:
        """See `Client`."""
        return self._service.ask(RevocationDetails, "GET", f"/revocations/{quote(revocation_id, safe='')}")

    def decide(self, body: Mapping[str, Any]) -> Decision:
        """See `Client`."""
        return self._service.ask(Decision, "POST", "/decisions", body=body)

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
        params = {
            "model_name": model_name,
            "model_version": model_version,
            "page": page,
            "page_size": page_size,
            "cursor": cursor,
        }
        return self._service.ask(DecisionPage, "GET", "/decisions", params=params)

    def _create(self, path: str, body: Mapping[str, Any], key: str | None) -> Created:
        key = key or str(uuid.uuid4())
        try:
            response = self._service.send("POST", path, body=body, headers={"Idempotency-Key": key})
        except Unavailable as error:
            again = f"Repeat it with `--idempotency-key {key}` to avoid a second job."
            raise Unavailable(error.message, hint="\n".join(filter(None, [error.hint, again]))) from None
        job = self._service.read(TrainingJob, response.content)
        return Created(job, replayed=response.headers.get("Idempotent-Replayed") == "true")


def _job(job_id: str, of_it: str = "") -> str:
    return f"/jobs/{quote(job_id, safe='')}{of_it}"


def _sheet(sheet_id: str, of_it: str = "") -> str:
    return f"/training-sheets/{quote(sheet_id, safe='')}{of_it}"


def _version(name: str, version: str, of_it: str = "") -> str:
    return f"/model-versions/{quote(name, safe='')}/{quote(version, safe='')}{of_it}"
