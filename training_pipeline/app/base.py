"""The parts that the others stand on: what the settings say, where things are kept, and what may be trained on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING

from training_pipeline.app.part import part

if TYPE_CHECKING:
    from training_pipeline.app.alerting import Alerting
    from training_pipeline.auth.tokens import ApiTokens
    from training_pipeline.backends.base import FineTuningBackend
    from training_pipeline.datasets.known_versions import KnownVersions
    from training_pipeline.datasets.sheet_findings import SheetFindings
    from training_pipeline.domain.model_version import Standing
    from training_pipeline.domain.rules.policy import GatePolicy
    from training_pipeline.infra.database import Database
    from training_pipeline.models.revocations.decisions import Decisions
    from training_pipeline.models.revocations.revoke import Revocations
    from training_pipeline.models.uses.index import UseIndex
    from training_pipeline.models.versions.aliases import Aliases
    from training_pipeline.settings import Settings
    from training_pipeline.sheets.base import TrainingSheetSource
    from training_pipeline.tracking.mlflow import RunTracking
    from training_pipeline.training_jobs.polling.permission import Permission
    from training_pipeline.training_jobs.store.hash_keys import HashKeyStore
    from training_pipeline.training_jobs.store.jobs import JobStore
    from training_pipeline.urls import Urls


class Base:
    """What is configured, and what every other part may use.

    `backend` and `source` stand in for the configured ones, which are made, and their settings asked for, when first
    used.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        backend: FineTuningBackend | None = None,
        source: TrainingSheetSource | None = None,
    ) -> None:
        self.settings = settings
        self.database = database
        self._given_backend = backend
        self._given_source = source
        self._building = RLock()

    @part
    def policy(self) -> GatePolicy:
        """Which pairs may be trained on."""
        return self.settings.gate_policy

    @part
    def sheet_findings(self) -> SheetFindings:
        """What was found out about versions of sheets."""
        from training_pipeline.datasets.sheet_findings import SheetFindings

        return SheetFindings(self.settings.sheet_findings, self.policy)

    @part
    def known_versions(self) -> KnownVersions:
        """Which versions training sheets are, known without reading their pairs."""
        from training_pipeline.datasets.known_versions import KnownVersions

        return KnownVersions(self.source, self.settings.sheet_findings)

    @part
    def source(self) -> TrainingSheetSource:
        """Where training sheets are read from. Raises `InvalidRequest` where settings are missing."""
        from training_pipeline.app.sheet_source import sheet_source

        return self._given_source or sheet_source(self.settings)

    @part
    def backend(self) -> FineTuningBackend:
        """Where fine-tuning runs. Raises `InvalidRequest` where settings are missing."""
        from training_pipeline.app.backend import backend_of
        from training_pipeline.backends.handles import FindsByHandle
        from training_pipeline.models.evaluation.staged import stored_handles as evaluation_handles
        from training_pipeline.training_jobs.store.handles import stored_handles

        store = self.store
        backend = self._given_backend or backend_of(self.settings)
        if isinstance(backend, FindsByHandle):
            backend.handles_from(lambda runs: {**stored_handles(store, runs), **evaluation_handles(store, runs)})
        return backend

    @part
    def tracking(self) -> RunTracking:
        """Where curves and model versions are tracked."""
        from training_pipeline.app.backend import tracking_of

        return tracking_of(self.settings, self.database, self.backend)

    @part
    def store(self) -> JobStore:
        """Jobs and their events."""
        from training_pipeline.training_jobs.store.jobs import JobStore

        return JobStore(self.database.engine())

    @part
    def keys(self) -> HashKeyStore:
        """The keys that hashes of training sheets are under."""
        from training_pipeline.training_jobs.store.hash_keys import HashKeyStore

        return HashKeyStore(self.store, self.settings.hash_keys)

    @part
    def tokens(self) -> ApiTokens:
        """The tokens of the REST API."""
        from training_pipeline.auth.tokens import ApiTokens

        return ApiTokens(self.store)

    @part
    def urls(self) -> Urls:
        """Where the pages of jobs and versions are."""
        from training_pipeline.urls import Urls

        return Urls.of(self.settings)

    @part
    def alerting(self) -> Alerting:
        """What the parts raise alerts with."""
        from training_pipeline.app.alerting import Alerting

        return Alerting(self.store, self.urls)

    @part
    def uses(self) -> UseIndex:
        """Which models learned from a row."""
        from training_pipeline.models.uses.index import UseIndex

        return UseIndex(self.store)

    @part
    def revocations(self) -> Revocations:
        """Records revocations, and taints what learned from them."""
        from training_pipeline.models.revocations.revoke import Revocations

        return Revocations(self.store, self.alerting.revoked, self.keys, source=lambda: self.source)

    @part
    def decisions(self) -> Decisions:
        """What was decided about tainted versions."""
        from training_pipeline.models.revocations.decisions import Decisions

        return Decisions(self.store, approval=self.settings.decision_approval)

    @part
    def standings(self) -> Callable[[Collection[str]], Mapping[str, Standing]]:
        """How versions stand that are tainted or withdrawn, by their jobs."""
        from training_pipeline.models.revocations.standings import standings

        return partial(standings, self.store, approval=self.settings.decision_approval)

    @part
    def permission(self) -> Permission:
        """Whether what was submitted may still be trained on."""
        from training_pipeline.training_jobs.polling.permission import Permission

        return Permission(self.source, self.policy, self.revocations, self.keys)

    @part
    def aliases(self) -> Aliases:
        """The aliases of registered models."""
        from training_pipeline.models.versions.aliases import Aliases

        # What raises alerts is imported where an alias was moved in the registry, which is seldom.
        return Aliases(self.store, self.tracking, lambda *moved: self.alerting.aliases_moved(*moved))
