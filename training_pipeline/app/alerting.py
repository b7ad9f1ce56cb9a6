"""What the parts of an installation raise alerts about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from training_pipeline.alerts import messages, records
from training_pipeline.domain.aliases import AliasMove, OnTaint, TaintedAlias
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.model_version import TaintedEndpoint
from training_pipeline.domain.revocations import Revocation, Taint
from training_pipeline.models.revocations.unread import still_open
from training_pipeline.models.uses.in_use import in_use
from training_pipeline.training_jobs.polling.permission import Warned
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import training_jobs
from training_pipeline.urls import Urls


class Alerting:
    """Records alerts: with the caller's change where a connection is given, otherwise in a transaction of its own."""

    def __init__(self, store: JobStore, urls: Urls) -> None:
        self._store = store
        self._urls = urls

    def revoked(
        self, connection: Connection, revocation: Revocation, tainted: Sequence[Taint], jobs: Sequence[str]
    ) -> None:
        """A revocation that taints versions, keeps jobs from having one, or has open datasets; else no alert."""
        used = in_use(connection, [(one.model_name, one.model_version) for one in tainted])
        served = sorted({url for one in used.values() for url in one.endpoints})
        asked = select(training_jobs.c.created_by).where(training_jobs.c.id.in_([one.job_id for one in tainted]))
        people = sorted(set(connection.execute(asked).scalars()))
        unread = len(still_open(connection, revocation.id).get(revocation.id, ()))
        alert = messages.of_revocation(
            revocation, tainted, jobs, self._urls, endpoints=served, people=people, unread=unread
        )
        if alert is not None:
            records.record(connection, alert)

    def unreadable(self, sheet_id: str, why: str) -> None:
        """A training sheet whose revocations cannot be read."""
        records.notice(self._store, messages.of_blindness(sheet_id, why, datetime.now(UTC).date()))

    def aliases_moved(self, connection: Connection, moves: Sequence[AliasMove]) -> None:
        """Aliases that were moved in the registry, and not through this installation."""
        for move in moves:
            records.record(connection, messages.of_alias_move(move, datetime.now(UTC)))

    def alias_tainted(self, connection: Connection, found: TaintedAlias, what: OnTaint, version: str | None) -> None:
        """An alias that names a tainted version, or did so and was moved."""
        alert = messages.of_tainted_alias(found, what, version, self._urls)
        records.notice(self._store.within(connection), alert, as_event=True)

    def endpoint_tainted(self, found: TaintedEndpoint) -> None:
        """An endpoint that serves a tainted or withdrawn version."""
        records.notice(self._store, messages.of_tainted_endpoint(found, self._urls), as_event=True)

    def withdrawn(self, job: TrainingJob, warned: Warned, as_event: bool) -> None:
        """A job whose pairs lost their permission."""
        records.notice(self._store, messages.of_warning(job, warned, self._urls), as_event=as_event)
