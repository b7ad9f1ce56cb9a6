"""The parts that work on the life of a training job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from training_pipeline.app.base import Base
from training_pipeline.app.part import part

if TYPE_CHECKING:
    from training_pipeline.training_jobs.lifecycle.actual_costs import ActualCosts
    from training_pipeline.training_jobs.lifecycle.catalog_lineage import CatalogLineage
    from training_pipeline.training_jobs.lifecycle.failures import Failures
    from training_pipeline.training_jobs.lifecycle.finalize import Finalizer
    from training_pipeline.training_jobs.lifecycle.launch import Launcher
    from training_pipeline.training_jobs.lifecycle.permission_watch import PermissionWatch
    from training_pipeline.training_jobs.lifecycle.registration import Registration
    from training_pipeline.training_jobs.lifecycle.retention import Retention
    from training_pipeline.training_jobs.lifecycle.service import JobService
    from training_pipeline.training_jobs.polling.poller import Poller

#: So long the poll of jobs waits for a warehouse that says what was billed.
_BILLING_SECONDS: Final = 20.0


class JobParts(Base):
    """From a request to a job that has ended."""

    @part
    def jobs(self) -> JobService:
        """Creates, cancels and retries jobs."""
        from training_pipeline.datasets.sheet_summaries import SheetSummaries
        from training_pipeline.training_jobs.lifecycle.estimating import Estimator
        from training_pipeline.training_jobs.lifecycle.service import JobService

        settings, findings, withdrawn = self.settings, self.sheet_findings, self.revocations.withdrawn
        return JobService(
            self.store,
            self.known_versions,
            self.backend,
            self.poller,
            self.policy,
            database=self.database,
            min_pairs=settings.min_pairs,
            withdrawn=withdrawn,
            registration=self.registration,
            findings=findings,
            summaries=SheetSummaries(self.known_versions, findings, self.policy, withdrawn),
            estimator=Estimator(self.store, price_file=settings.price_file, speed_file=settings.machine_speed),
            keys=self.keys,
            runs=settings.runs.resolve(),
        )

    @part
    def poller(self) -> Poller:
        """Asks the backend about jobs that run."""
        from training_pipeline.training_jobs.polling.poller import Poller

        return Poller(
            self.store,
            self.backend,
            self.tracking,
            threads=self.settings.poll_threads,
            deadline_seconds=self._deadline_seconds,
            permission=self.permission,
        )

    @part
    def launcher(self) -> Launcher:
        """From a training sheet to a dataset at the backend."""
        from training_pipeline.training_jobs.lifecycle.launch import Launcher

        return Launcher(
            self.store,
            self.source,
            self.backend,
            self.tracking,
            self.policy,
            self.uses,
            snapshots=self.settings.snapshots,
            datasets=self.settings.datasets,
            min_pairs=self.settings.min_pairs,
            withdrawn=self.revocations.withdrawn,
            shown=self.revocations.shown,
            keys=self.keys,
        )

    @part
    def finalizer(self) -> Finalizer:
        """From a trained job to a registered version."""
        from training_pipeline.training_jobs.lifecycle.finalize import Finalizer

        warned = self.alerting.withdrawn
        return Finalizer(self.store, self.backend, self.tracking, self.permission, self.registration, warned)

    @part
    def registration(self) -> Registration:
        """Which version a job has registered."""
        from training_pipeline.training_jobs.lifecycle.registration import Registration

        return Registration(self.store, self.backend, self.tracking, self.revocations)

    @part
    def failures(self) -> Failures:
        """What becomes of a job that failed."""
        from training_pipeline.training_jobs.lifecycle.failures import Failures

        return Failures(
            self.store,
            self.backend,
            max_attempts=self.settings.max_attempts,
            deadline_seconds=self._deadline_seconds,
        )

    @part
    def permission_watch(self) -> PermissionWatch:
        """Asks again whether jobs may train on their pairs."""
        from training_pipeline.training_jobs.lifecycle.permission_watch import PermissionWatch

        return PermissionWatch(
            self.store,
            self.permission,
            self.alerting.withdrawn,
            seconds=self.settings.permission_seconds,
            cancels=self.settings.cancel_on_withdrawal,
        )

    @part
    def catalog_lineage(self) -> CatalogLineage | None:
        """Reports lineage to Unity Catalog; null where nothing of a job is there."""
        from training_pipeline.sheets.unity_catalog.source import UnityCatalogSheets
        from training_pipeline.training_jobs.lifecycle.catalog_lineage import CatalogLineage

        source = self.source
        return CatalogLineage(self.store, source.connection) if isinstance(source, UnityCatalogSheets) else None

    @part
    def actual_costs(self) -> ActualCosts | None:
        """What was billed; None where jobs are not trained on Databricks, or there is no warehouse to ask."""
        from training_pipeline.databricks.backend import DatabricksBackend
        from training_pipeline.databricks.statements import Statements
        from training_pipeline.training_jobs.lifecycle.actual_costs import ActualCosts

        backend, warehouse_id = self.backend, self.settings.databricks_warehouse_id
        if warehouse_id is None or not isinstance(backend, DatabricksBackend):
            return None
        return ActualCosts(self.store, Statements(backend.connection, warehouse_id, _BILLING_SECONDS))

    @part
    def retention(self) -> Retention | None:
        """Removes what is old from a volume; null where nothing is removed."""
        from training_pipeline.app.backend import retention_of

        return retention_of(self.settings, self.store)

    @property
    def _deadline_seconds(self) -> float:
        return self.settings.backend_patience_hours * 3600
