"""The services of one installation, created once by each entry point and passed down."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import psutil
from sqlalchemy import Connection

from training_pipeline.alerts import alerts
from training_pipeline.app.ownership import require_own
from training_pipeline.app.sheet_source import sheet_source, workspace
from training_pipeline.auth.tokens import ApiTokens
from training_pipeline.backends.asking import AskLimits
from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.backends.handles import FindsByHandle
from training_pipeline.backends.local.backend import PROGRAM, LocalBackend
from training_pipeline.databricks.backend import DatabricksBackend
from training_pipeline.databricks.base_models import DatabricksModels
from training_pipeline.databricks.run_request import RunOptions
from training_pipeline.databricks.serving import serving
from training_pipeline.databricks.tracking import DatabricksTracking
from training_pipeline.databricks.volume_folders import VolumeFolders
from training_pipeline.datasets.sheet_findings import SheetFindings
from training_pipeline.datasets.sheet_rows import SheetRows
from training_pipeline.domain.aliases import AliasMove, OnTaint, TaintedAlias
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.revocations import Revocation, Taint
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.infra.database import Database, open_database
from training_pipeline.models.evaluation.automatic import AutomaticEvaluations
from training_pipeline.models.evaluation.evaluations import Evaluations
from training_pipeline.models.evaluation.judges import Judges
from training_pipeline.models.evaluation.suites import Suites
from training_pipeline.models.evaluation.tracked import TrackedFigures
from training_pipeline.models.playground import Playground
from training_pipeline.models.promotion.promote import Promotions
from training_pipeline.models.revocations.decisions import Decisions
from training_pipeline.models.revocations.retrains import Retrains
from training_pipeline.models.revocations.revoke import Revocations
from training_pipeline.models.revocations.standings import standings
from training_pipeline.models.revocations.tags import TaintTags
from training_pipeline.models.revocations.told import TaintsTold
from training_pipeline.models.revocations.watch import SheetWatch
from training_pipeline.models.uses.in_use import in_use
from training_pipeline.models.uses.index import UseIndex
from training_pipeline.models.versions.alias_watch import AliasWatch
from training_pipeline.models.versions.aliases import Aliases
from training_pipeline.models.versions.download import Downloads
from training_pipeline.models.versions.endpoint_watch import EndpointWatch
from training_pipeline.models.versions.versions import ModelVersions
from training_pipeline.retraining.retrain import Retrainer
from training_pipeline.reviewing.edits import SheetEdits
from training_pipeline.reviewing.log import EditLog
from training_pipeline.settings import Settings
from training_pipeline.sheets.base import TrainingSheetSource
from training_pipeline.sheets.unity_catalog.source import UnityCatalogSheets
from training_pipeline.tracking.mlflow import RunTracking, Tracking
from training_pipeline.tracking.own_mlflow import OwnTracking
from training_pipeline.training_jobs.lifecycle.catalog_lineage import CatalogLineage
from training_pipeline.training_jobs.lifecycle.estimating import Estimator
from training_pipeline.training_jobs.lifecycle.failures import Failures
from training_pipeline.training_jobs.lifecycle.finalize import Finalizer
from training_pipeline.training_jobs.lifecycle.launch import Launcher
from training_pipeline.training_jobs.lifecycle.permission_watch import PermissionWatch
from training_pipeline.training_jobs.lifecycle.retention import Retention
from training_pipeline.training_jobs.lifecycle.service import JobService
from training_pipeline.training_jobs.polling.permission import Permission, Warned
from training_pipeline.training_jobs.polling.poller import Poller
from training_pipeline.training_jobs.store.handles import stored_handles
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.urls import Addresses
from training_pipeline.tuning.advance import Advance
from training_pipeline.tuning.studies import Studies
from training_pipeline.uploads.imports import SheetImports
from training_pipeline.uploads.limits import UploadLimits
from training_pipeline.uploads.staging import Uploads


@dataclass(frozen=True)
class Services:
    """Everything that works on training jobs."""

    settings: Settings
    database: Database
    policy: GatePolicy
    source: TrainingSheetSource
    backend: FineTuningBackend
    tracking: RunTracking
    store: JobStore
    tokens: ApiTokens
    imports: SheetImports
    sheet_rows: SheetRows
    sheet_edits: SheetEdits
    sheet_findings: SheetFindings
    jobs: JobService
    poller: Poller
    uses: UseIndex
    suites: Suites
    versions: ModelVersions
    evaluations: Evaluations
    automatic_evaluations: AutomaticEvaluations
    downloads: Downloads
    promotions: Promotions
    playground: Playground
    launcher: Launcher
    finalizer: Finalizer
    failures: Failures
    permission_watch: PermissionWatch
    revocations: Revocations
    sheet_watch: SheetWatch
    alias_watch: AliasWatch
    endpoint_watch: EndpointWatch
    taint_tags: TaintTags
    taints_told: TaintsTold
    decisions: Decisions
    retrains: Retrains
    retrainer: Retrainer
    studies: Studies
    advance_studies: Advance
    #: Null where nothing of a job is in Unity Catalog.
    catalog_lineage: CatalogLineage | None
    #: Null where nothing is removed from a volume.
    retention: Retention | None


def local_backend(settings: Settings) -> LocalBackend:
    """Fine-tuning on this machine."""
    return LocalBackend(
        settings.runs,
        slots=settings.local_slots,
        resumes=settings.local_resumes,
        cancel_grace_seconds=settings.cancel_grace_seconds,
        program=shlex.split(settings.local_trainer) if settings.local_trainer else PROGRAM,
        models_dir=settings.models,
        asks_permission=True,
        allowed_models=settings.allowed_base_models,
        early_start=settings.local_early_start,
    )


def backend_of(settings: Settings) -> FineTuningBackend:
    """The configured backend. Connects to nothing; raises `InvalidRequest` for settings that are missing."""
    return databricks_backend(settings) if settings.backend == "databricks" else local_backend(settings)


def databricks_backend(settings: Settings) -> DatabricksBackend:
    """Fine-tuning on Databricks AI Runtime."""
    return DatabricksBackend(
        databricks_options(settings),
        workspace(settings),
        DatabricksModels(settings.databricks_models_file, has_token=settings.databricks_hf_token_secret is not None),
    )


def databricks_options(settings: Settings) -> RunOptions:
    """What every run of this installation has in common; raises `InvalidRequest` where there is no volume."""
    if settings.databricks_volume is None:
        raise InvalidRequest(
            "The databricks backend needs a Unity Catalog volume, but TRAINING_PIPELINE_DATABRICKS_VOLUME is not set.",
            hint="Set it to catalog.schema.volume. See docs/databricks.md for all requirements.",
        )
    return RunOptions(
        volume=settings.databricks_volume,
        workspace_dir=settings.databricks_workspace_dir,
        experiment=settings.mlflow_experiment,
        environment_version=settings.databricks_environment_version,
        accelerator=settings.databricks_accelerator,
        usage_policy_id=settings.databricks_usage_policy_id,
        budget_policy_id=settings.databricks_budget_policy_id,
        image=settings.databricks_image,
        provisioned_capacity_id=settings.databricks_provisioned_capacity_id,
        access=tuple(settings.databricks_access_control_list),
        hf_token_secret=settings.databricks_hf_token_secret,
    )


def retention_of(settings: Settings, store: JobStore, *, days: float | None = None) -> Retention | None:
    """What removes from the volume, after so many `days` or as set; null where there is no volume or nothing is set."""
    days = days or settings.databricks_retention_days
    if settings.databricks_volume is None or days is None:
        return None
    return Retention(store, VolumeFolders(workspace(settings), settings.databricks_volume), days)


def tracking_of(settings: Settings, database: Database, backend: FineTuningBackend) -> RunTracking:
    """The MLflow tracking to use: the backend's if its runs log to it themselves, else ours."""
    if isinstance(backend, DatabricksBackend):
        return DatabricksTracking(backend.connection, settings.databricks_access_control_list)
    artifacts = settings.state_dir / "mlflow-artifacts"
    if settings.mlflow_tracking_uri is None:
        return OwnTracking(database, experiment=settings.mlflow_experiment, artifacts=artifacts)
    return Tracking(settings.mlflow_tracking_uri, experiment=settings.mlflow_experiment, artifacts=artifacts)


def imports_of(settings: Settings) -> SheetImports:
    """What makes training sheets of uploads. Reads and writes nothing yet."""
    limits = UploadLimits(
        bytes=settings.upload_max_bytes,
        unpacked_bytes=settings.upload_max_unpacked_bytes,
        ratio=settings.upload_max_ratio,
        rows=settings.upload_max_rows,
        columns=settings.upload_max_columns,
        cell=settings.upload_max_cell_characters,
        at_once=settings.uploads_at_once,
        user_bytes=settings.upload_user_bytes,
        memory_bytes=settings.upload_memory_mb * 2**20,
        seconds=settings.upload_seconds,
    )
    sheets = settings.sheets if settings.sheet_source == "files" else None
    uploads, prefixes = Uploads(settings.uploads, limits), settings.import_prefixes
    return SheetImports(uploads, sheets, settings.gate_policy, prefixes=prefixes)


def playground_limits(settings: Settings) -> AskLimits:
    """How long a question of the playground may take, within a request, and how much memory."""
    half = psutil.virtual_memory().total // 2**21
    seconds = min(settings.playground_seconds, max(5.0, settings.api_request_seconds - 5))
    return AskLimits(seconds=seconds, memory_mb=settings.playground_memory_mb or half)


def assemble(
    settings: Settings,
    database: Database,
    *,
    backend: FineTuningBackend | None = None,
    source: TrainingSheetSource | None = None,
) -> Services:
    """Put the parts together; `backend` and `source` stand in for the configured ones in tests. Connects to nothing."""
    source = source or sheet_source(settings)
    backend = backend or backend_of(settings)
    policy = settings.gate_policy
    tracking = tracking_of(settings, database, backend)
    patience = settings.backend_patience_hours * 3600
    store = JobStore(database.engine())
    if isinstance(backend, FindsByHandle):
        backend.handles_from(partial(stored_handles, store))
    uses = UseIndex(store)
    urls = Addresses.of(settings)

    def tell(connection: Connection, revocation: Revocation, tainted: Sequence[Taint], jobs: Sequence[str]) -> None:
        used = in_use(connection, [(one.model_name, one.model_version) for one in tainted])
        served = sorted({url for one in used.values() for url in one.endpoints})
        alert = alerts.of_revocation(revocation, tainted, jobs, urls, endpoints=served)
        if alert is not None:
            alerts.record(connection, alert)

    def blind(sheet_id: str, why: str) -> None:
        alerts.notice(store, alerts.of_blindness(sheet_id, why, datetime.now(UTC).date()))

    def moved(connection: Connection, moves: Sequence[AliasMove]) -> None:
        for move in moves:
            alerts.record(connection, alerts.of_alias_move(move, datetime.now(UTC)))

    def names_tainted(found: TaintedAlias, what: OnTaint, version: str | None) -> None:
        alerts.notice(store, alerts.of_tainted_alias(found, what, version, urls), as_event=True)

    revocations = Revocations(store, tell)
    decisions = Decisions(store, four_eyes=settings.four_eyes)
    permission = Permission(source, policy, revocations)
    poller = Poller(
        store,
        backend,
        tracking,
        threads=settings.poll_threads,
        patience_seconds=patience,
        permission=permission,
    )

    def notice(job: TrainingJob, warned: Warned, as_event: bool) -> None:
        alerts.notice(store, alerts.of_warning(job, warned, urls), as_event=as_event)

    refuse_near = not settings.evaluate_near_questions
    suites = Suites(store, source, policy, directory=settings.suites, refuse_near=refuse_near)
    aliases = Aliases(store, tracking, moved)
    versions = ModelVersions(
        store,
        permission,
        backend,
        tracking,
        aliases=aliases,
        standings=partial(standings, store, four_eyes=settings.four_eyes),
    )
    evaluations = Evaluations(
        store,
        source,
        policy,
        backend,
        aliases,
        suites,
        versions,
        TrackedFigures(store, tracking),
        Judges(settings.judges, settings.judge_max_classification),
        refuse_near=refuse_near,
    )
    estimator = Estimator(store, price_file=settings.price_file, speed_file=settings.machine_speed)
    jobs = JobService(
        store,
        source,
        backend,
        poller,
        policy,
        database=database,
        min_pairs=settings.min_pairs,
        withdrawn=revocations.withdrawn,
        estimator=estimator,
    )
    return Services(
        settings=settings,
        database=database,
        policy=policy,
        source=source,
        backend=backend,
        tracking=tracking,
        store=store,
        tokens=ApiTokens(store),
        imports=imports_of(settings),
        sheet_rows=SheetRows(settings.sheet_rows, policy),
        sheet_edits=SheetEdits(EditLog(store), settings.sheets if settings.sheet_source == "files" else None),
        sheet_findings=SheetFindings(settings.sheet_findings, policy),
        jobs=jobs,
        poller=poller,
        uses=uses,
        suites=suites,
        versions=versions,
        evaluations=evaluations,
        automatic_evaluations=AutomaticEvaluations(store, evaluations),
        downloads=Downloads(store, backend, versions, decisions.risk_accepted),
        promotions=Promotions(store, database, aliases, versions, suites, four_eyes=settings.promotion_four_eyes),
        playground=Playground(backend, versions, aliases, decisions, revocations, playground_limits(settings)),
        alias_watch=AliasWatch(
            store,
            Aliases(store, tracking, moved, seconds=10.0),
            names_tainted,
            lambda name: settings.on_taint_by_model.get(name, settings.on_taint),
            seconds=settings.alias_seconds,
        ),
        endpoint_watch=EndpointWatch(
            store,
            partial(serving, backend.connection) if isinstance(backend, DatabricksBackend) else None,
            seconds=settings.alias_seconds,
        ),
        launcher=Launcher(
            store,
            source,
            backend,
            tracking,
            policy,
            uses,
            snapshots=settings.snapshots,
            datasets=settings.datasets,
            min_pairs=settings.min_pairs,
            withdrawn=revocations.withdrawn,
        ),
        finalizer=Finalizer(store, backend, tracking, permission, revocations, notice),
        failures=Failures(store, backend, max_attempts=settings.max_attempts, patience_seconds=patience),
        permission_watch=PermissionWatch(
            store,
            permission,
            notice,
            seconds=settings.permission_seconds,
            cancels=settings.cancel_on_withdrawal,
        ),
        revocations=revocations,
        sheet_watch=SheetWatch(
            store,
            source,
            policy,
            revocations,
            blind,
            seconds=settings.revocation_table_seconds
            if settings.sheet_source == "unity_catalog"
            else settings.revocation_seconds,
        ),
        taint_tags=TaintTags(store, tracking),
        taints_told=TaintsTold(store),
        decisions=decisions,
        retrains=Retrains(store, jobs),
        retrainer=Retrainer(store, database, source, jobs, policy, settings.min_pairs, urls, revocations.withdrawn),
        studies=Studies(store, jobs, backend),
        advance_studies=Advance(store, database, jobs, source),
        catalog_lineage=CatalogLineage(store, source.connection) if isinstance(source, UnityCatalogSheets) else None,
        retention=retention_of(settings, store),
    )


def open_services(settings: Settings) -> Services:
    """The parts on the configured database, which is started where it is ours.

    Raises `Unavailable`, and `Conflict` where the database is another installation's.
    """
    database = open_database(settings)
    require_own(settings, database)
    return assemble(settings, database)
