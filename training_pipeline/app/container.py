"""The services of one installation, created once by each entry point and passed down."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final

from training_pipeline.app.alerting import Alerting
from training_pipeline.app.backend import backend_of, endpoints_of, retention_of, tracking_of
from training_pipeline.app.limits import imports_of, playground_limits
from training_pipeline.app.ownership import require_own
from training_pipeline.app.sheet_source import sheet_source
from training_pipeline.auth.tokens import ApiTokens
from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.backends.handles import FindsByHandle
from training_pipeline.databricks.backend import DatabricksBackend
from training_pipeline.databricks.statements import Statements
from training_pipeline.datasets.sheet_findings import SheetFindings
from training_pipeline.datasets.sheet_rows import SheetRows
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.infra.database import Database, open_database
from training_pipeline.models.evaluation.automatic import AutomaticEvaluations
from training_pipeline.models.evaluation.evaluations import Evaluations
from training_pipeline.models.evaluation.judges import Judges
from training_pipeline.models.evaluation.kept import KeptModels
from training_pipeline.models.evaluation.suites import Suites
from training_pipeline.models.evaluation.tracked import TrackedFigures
from training_pipeline.models.playground import Playground
from training_pipeline.models.promotion.promote import Promotions
from training_pipeline.models.revocations.decisions import Decisions
from training_pipeline.models.revocations.retrains import Retrains
from training_pipeline.models.revocations.revoke import Revocations
from training_pipeline.models.revocations.standings import standings
from training_pipeline.models.revocations.tags import TaintTags
from training_pipeline.models.revocations.unreported import UnreportedTaints
from training_pipeline.models.revocations.watch import SheetWatch
from training_pipeline.models.uses.index import UseIndex
from training_pipeline.models.versions.alias_watch import AliasWatch
from training_pipeline.models.versions.aliases import Aliases
from training_pipeline.models.versions.download import Downloads
from training_pipeline.models.versions.endpoint_watch import EndpointWatch
from training_pipeline.models.versions.served_taints import ServedTaints
from training_pipeline.models.versions.versions import ModelVersions
from training_pipeline.retraining.retrain import Retrainer
from training_pipeline.reviewing.edits import SheetEdits
from training_pipeline.reviewing.log import EditLog
from training_pipeline.settings import Settings
from training_pipeline.sheets.base import TrainingSheetSource
from training_pipeline.sheets.unity_catalog.source import UnityCatalogSheets
from training_pipeline.tracking.mlflow import RunTracking
from training_pipeline.training_jobs.lifecycle.actual_costs import ActualCosts
from training_pipeline.training_jobs.lifecycle.catalog_lineage import CatalogLineage
from training_pipeline.training_jobs.lifecycle.estimating import Estimator
from training_pipeline.training_jobs.lifecycle.failures import Failures
from training_pipeline.training_jobs.lifecycle.finalize import Finalizer
from training_pipeline.training_jobs.lifecycle.launch import Launcher
from training_pipeline.training_jobs.lifecycle.permission_watch import PermissionWatch
from training_pipeline.training_jobs.lifecycle.retention import Retention
from training_pipeline.training_jobs.lifecycle.service import JobService
from training_pipeline.training_jobs.polling.permission import Permission
from training_pipeline.training_jobs.polling.poller import Poller
from training_pipeline.training_jobs.store.handles import stored_handles
from training_pipeline.training_jobs.store.hash_keys import HashKeyStore
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.urls import Addresses
from training_pipeline.tuning.advance import Advance
from training_pipeline.tuning.objective import Objectives
from training_pipeline.tuning.scoring import Scoring
from training_pipeline.tuning.studies import Studies

if TYPE_CHECKING:
    from training_pipeline.uploads.imports import SheetImports

#: So long the poll of jobs waits for a warehouse that says what was billed.
_BILLING_SECONDS: Final = 20.0


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
    sheet_rows: SheetRows
    sheet_edits: SheetEdits
    keys: HashKeyStore
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
    served_taints: ServedTaints
    taint_tags: TaintTags
    unreported_taints: UnreportedTaints
    decisions: Decisions
    retrains: Retrains
    retrainer: Retrainer
    studies: Studies
    advance_studies: Advance
    #: Null where nothing of a job is in Unity Catalog.
    catalog_lineage: CatalogLineage | None
    #: None where jobs are not trained on Databricks, or there is no warehouse to ask.
    actual_costs: ActualCosts | None
    #: Null where nothing is removed from a volume.
    retention: Retention | None

    @cached_property
    def imports(self) -> SheetImports:
        """What makes training sheets of uploads. Few need it, and it brings readers of every format."""
        return imports_of(self.settings)


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
    alerting = Alerting(store, urls)
    keys = HashKeyStore(store, settings.hash_keys)
    revocations = Revocations(store, alerting.revoked, keys)
    decisions = Decisions(store, approval=settings.decision_approval)
    permission = Permission(source, policy, revocations, keys)
    poller = Poller(
        store,
        backend,
        tracking,
        threads=settings.poll_threads,
        patience_seconds=patience,
        permission=permission,
    )
    refuse_near = not settings.evaluate_near_questions
    suites = Suites(store, source, policy, directory=settings.suites, refuse_near=refuse_near, keys=keys)
    aliases = Aliases(store, tracking, alerting.aliases_moved)
    stands = partial(standings, store, approval=settings.decision_approval)
    versions = ModelVersions(store, permission, backend, tracking, aliases=aliases, standings=stands)
    kept = KeptModels(store, source, policy, backend, suites, standings=stands, refuse_near=refuse_near, keys=keys)
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
        kept,
        refuse_near=refuse_near,
        keys=keys,
    )
    scoring = Scoring(kept, evaluations)
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
        keys=keys,
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
        sheet_rows=SheetRows(settings.sheet_rows, policy),
        keys=keys,
        sheet_edits=SheetEdits(EditLog(store), settings.sheets if settings.sheet_source == "files" else None, keys),
        sheet_findings=SheetFindings(settings.sheet_findings, policy),
        jobs=jobs,
        poller=poller,
        uses=uses,
        suites=suites,
        versions=versions,
        evaluations=evaluations,
        automatic_evaluations=AutomaticEvaluations(store, evaluations),
        downloads=Downloads(store, backend, versions, decisions.risk_accepted),
        promotions=Promotions(store, database, aliases, versions, suites, approval=settings.promotion_approval),
        playground=Playground(backend, versions, aliases, decisions, revocations, playground_limits(settings)),
        alias_watch=AliasWatch(
            store,
            Aliases(store, tracking, alerting.aliases_moved, seconds=10.0),
            alerting.alias_tainted,
            lambda name: settings.on_taint_by_model.get(name, settings.on_taint),
            seconds=settings.alias_seconds,
        ),
        endpoint_watch=EndpointWatch(
            store,
            endpoints_of(backend),
            seconds=settings.alias_seconds,
        ),
        served_taints=ServedTaints(store, stands, alerting.endpoint_tainted),
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
            keys=keys,
        ),
        finalizer=Finalizer(store, backend, tracking, permission, revocations, alerting.withdrawn),
        failures=Failures(store, backend, max_attempts=settings.max_attempts, patience_seconds=patience),
        permission_watch=PermissionWatch(
            store,
            permission,
            alerting.withdrawn,
            seconds=settings.permission_seconds,
            cancels=settings.cancel_on_withdrawal,
        ),
        revocations=revocations,
        sheet_watch=SheetWatch(
            store,
            source,
            policy,
            revocations,
            alerting.unreadable,
            keys=keys,
            seconds=settings.revocation_table_seconds
            if settings.sheet_source == "unity_catalog"
            else settings.revocation_seconds,
        ),
        taint_tags=TaintTags(store, tracking),
        unreported_taints=UnreportedTaints(store),
        decisions=decisions,
        retrains=Retrains(store, jobs, keys),
        retrainer=Retrainer(
            store, database, source, jobs, policy, settings.min_pairs, urls, revocations.withdrawn, keys
        ),
        studies=Studies(store, jobs, backend, Objectives(suites, source, policy, backend), scoring),
        advance_studies=Advance(store, database, jobs, source, scoring),
        catalog_lineage=CatalogLineage(store, source.connection) if isinstance(source, UnityCatalogSheets) else None,
        actual_costs=_actual_costs(settings, store, backend),
        retention=retention_of(settings, store),
    )


def _actual_costs(settings: Settings, store: JobStore, backend: FineTuningBackend) -> ActualCosts | None:
    if settings.databricks_warehouse_id is None or not isinstance(backend, DatabricksBackend):
        return None
    warehouse = Statements(backend.connection, settings.databricks_warehouse_id, _BILLING_SECONDS)
    return ActualCosts(store, warehouse)


def open_services(settings: Settings) -> Services:
    """The parts on the configured database, which is started where it is ours.

    Raises `Unavailable`, and `Conflict` where the database is another installation's.
    """
    database = open_database(settings)
    require_own(settings, database)
    return assemble(settings, database)
