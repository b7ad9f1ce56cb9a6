"""The verbs of training jobs and training sheets, whether they are of this installation or behind a REST API.

Every client answers with the models of the OpenAPI document, so that a script may change from one to the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.model_version import VersionState
from training_pipeline.domain.pair_change import PairChange
from training_pipeline.schemas.advice import TrainingJobAdvice
from training_pipeline.schemas.base_model import BaseModels
from training_pipeline.schemas.decision import Decision, DecisionPage
from training_pipeline.schemas.diff import TrainingJobDiff
from training_pipeline.schemas.evaluation import ModelEvaluation, ModelEvaluations
from training_pipeline.schemas.event import TrainingJobEvent, TrainingJobEventPage
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

Pairs = Literal["train", "validation", "excluded"]


@dataclass(frozen=True, slots=True)
class Created:
    """A new job, or the one that the same request with the same key has created before."""

    job: TrainingJob
    replayed: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """A message about the watching itself, such as a lost connection."""

    message: str


#: What comes of following a job: the job as it is now, an event of it, or a word about the following itself.
Update = TrainingJob | TrainingJobEvent | Notice


class Client(Protocol):
    """Every method raises `PipelineError`: `Forbidden`, `NotFound`, `InvalidRequest` … or what the service says."""

    def create(self, body: Mapping[str, Any], *, idempotency_key: str | None = None) -> Created:
        """Create a job. With a key that was used for the same body: the job that it made."""

    def plan(self, body: Mapping[str, Any]) -> DryRun:
        """The dry run of `create`; stores nothing."""

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
        """A page of the jobs that pass every filter, newest first unless told otherwise.

        A page is named by its number, or by a cursor, which goes with that order only.
        """

    def active(self) -> ActiveTrainingJobs:
        """List all pending, queued or running jobs."""

    def get(self, job_id: str) -> TrainingJob:
        """One job."""

    def poll(self, job_id: str) -> TrainingJob:
        """Ask the backend now; the job as it then is."""

    def cancel(self, job_id: str, *, reason: str) -> TrainingJob:
        """Cancel a job, or ask its backend to. Idempotent."""

    def finish(self, job_id: str) -> TrainingJob:
        """Have a trained job finished now, whose registration had bad luck. Idempotent."""

    def retry(
        self, job_id: str, *, changes: Mapping[str, Any] | None = None, idempotency_key: str | None = None
    ) -> Created:
        """A new job like one that did not succeed, with `changes` to its training_config."""

    def events(
        self, job_id: str, *, page: int | None = None, page_size: int = 50, cursor: str | None = None
    ) -> TrainingJobEventPage:
        """A page of a job's events, newest first."""

    def metrics(
        self, job_id: str, *, from_step: int | None = None, to_step: int | None = None, resolution: int = 500
    ) -> TrainingJobMetrics:
        """The latest metrics of a job, and its series."""

    def lineage(
        self,
        job_id: str,
        *,
        pairs: Pairs | None = None,
        search: str | None = None,
        page_size: int = 1000,
        cursor: str | None = None,
    ) -> TrainingJobLineage:
        """What the job was trained on, with a page of its pairs."""

    def advice(self, job_id: str) -> TrainingJobAdvice:
        """What was advised when the job was created, and what its figures say."""

    def audit_job(self, job_id: str) -> Iterator[bytes]:
        """An archive, in pieces, of everything on record of a job and the version that it registered. No texts."""

    def diff(
        self,
        first_id: str,
        second_id: str,
        *,
        changes: Collection[PairChange] = (),
        page_size: int = 100,
        cursor: str | None = None,
    ) -> TrainingJobDiff:
        """What differs between two jobs, with a page of the pairs that changed in one of these ways, or in any."""

    def follow(self, job_id: str, *, after: int = 0) -> Iterator[Update]:
        """The events with an id above `after`, and the job whenever it changed, to its end: that comes, too."""

    def training_sheets(self) -> TrainingSheets:
        """List all training sheets whose head can be read."""

    def training_sheet(self, sheet_id: str) -> TrainingSheetDetails:
        """Get a training sheet with its export summary. Both gates are applied to every pair now."""

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
        """A page of a sheet's pairs with their verdicts, by pair id, without text."""

    def approve_sheet(self, sheet_id: str, body: Mapping[str, Any]) -> TrainingSheetDetails:
        """Approve a training sheet that was imported, as the version whose `digest` is given."""

    def preview(self, sheet_id: str, *, limit: int = 5) -> TrainingSheetPreview:
        """Preview the training data as JSONL; empty if the sheet itself may not be trained on."""

    def base_models(self) -> BaseModels:
        """The base models that can be fine-tuned, the default first."""

    def create_suite(self, body: Mapping[str, Any]) -> Suite:
        """Make an evaluation suite; again with the same pairs: the one that is there."""

    def suites(self) -> Suites:
        """List all evaluation suites."""

    def suite(self, name: str) -> Suite:
        """One evaluation suite."""

    def check_suite(self, name: str, job_id: str) -> SuiteCheck:
        """What of a suite the model of a job may be scored on. Sheets and datasets are compared now."""

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
        """Every dataset, job and model version that used what one key names; `sheet` may say where to look."""

    def preview_revocation(self, body: Mapping[str, Any]) -> RevocationPreview:
        """What a revocation would taint; stores nothing."""

    def revoke(self, body: Mapping[str, Any]) -> RevocationDetails:
        """Revoke a pair, an item, a label or an example. Idempotent: the same revocation twice is the first one."""

    def revocations(
        self, *, job_id: str | None = None, page: int | None = None, page_size: int = 50, cursor: str | None = None
    ) -> RevocationPage:
        """A page of revocations, newest first; with `job_id` those that taint that job's model."""

    def revocation(self, revocation_id: str) -> RevocationDetails:
        """One revocation with every model that it taints."""

    def decide(self, body: Mapping[str, Any]) -> Decision:
        """Append a decision about a tainted model version."""

    def decisions(
        self,
        *,
        model_name: str | None = None,
        model_version: str | None = None,
        page: int | None = None,
        page_size: int = 50,
        cursor: str | None = None,
    ) -> DecisionPage:
        """A page of decisions, newest first."""

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
        """A page of the registered model versions that pass every filter, the newest first.

        `sheet` is a training sheet or a source sheet.
        """

    def model_version(self, name: str, version: str) -> ModelVersionDetails:
        """A registered model version with everything that is on record of it."""

    def audit_model_version(self, name: str, version: str) -> Iterator[bytes]:
        """The archive of the job that registered a model version; see `audit_job`."""

    def retrain(self, name: str, version: str) -> TrainingJob:
        """Launch the proposed retrain of a tainted version; again: the job that was launched."""

    def verify_model_version(self, name: str, version: str) -> ModelVersionVerification:
        """Look at a registered model version anew: is it still clean?"""

    def add_endpoint(self, name: str, version: str, *, url: str) -> ModelEndpoints:
        """Record that an endpoint serves a model version. Idempotent."""

    def remove_endpoint(self, name: str, version: str, *, url: str) -> ModelEndpoints:
        """Record that an endpoint serves a model version no more."""

    def evaluate(self, name: str, version: str, body: Mapping[str, Any]) -> ModelEvaluation:
        """Evaluate a model version on a suite; where that is being done, the evaluation that is there."""

    def evaluations(self, name: str, version: str) -> ModelEvaluations:
        """The evaluations of a model version, the newest first. Those that run are looked at now."""

    def cancel_evaluation(self, name: str, version: str, evaluation_id: str) -> ModelEvaluation:
        """Have an evaluation stopped. Idempotent."""

    def promote(self, name: str, version: str, body: Mapping[str, Any]) -> ModelPromotion:
        """Ask the gate whether an alias may name this version, and move it if it may. The decision is on record."""

    def roll_back(self, name: str, body: Mapping[str, Any]) -> ModelPromotion:
        """Move an alias back to the version that had it before."""

    def promotions(self, name: str) -> ModelPromotions:
        """The decisions about the aliases of a model, the newest first."""
