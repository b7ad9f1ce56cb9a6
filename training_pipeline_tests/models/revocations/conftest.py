from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import Connection

from training_pipeline.app.container import Services, assemble
from training_pipeline.domain.revocations import Revocation, Taint
from training_pipeline.infra.database import Database
from training_pipeline.models.revocations.revoke import Revocations
from training_pipeline.models.uses.index import UseIndex
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.jobs import ScriptedBackend
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.training_jobs.store.jobs import JobStore

#: The revocation, the jobs whose models it taints, and those that it keeps from one.
Told = list[tuple[str, tuple[str, ...], tuple[str, ...]]]


@pytest.fixture
def services(settings: Settings, database: Database) -> Iterator[Services]:
    """An installation whose jobs are trained by nobody, with a training sheet `small` of 40 pairs."""
    write_sheet(settings.sheets, "small", rows(40))
    parts = assemble(settings, database, backend=ScriptedBackend())
    yield parts
    parts.store.engine.dispose()


@pytest.fixture
def index(store: JobStore) -> UseIndex:
    return UseIndex(store)


@pytest.fixture
def told() -> Told:
    """Who was told of what; also of what was rolled back."""
    return []


@pytest.fixture
def revocations(store: JobStore, told: Told) -> Revocations:
    def tell(connection: Connection, what: Revocation, taints: Sequence[Taint], jobs: Sequence[str]) -> None:
        assert connection.in_transaction()
        told.append((what.id, tuple(taint.job_id for taint in taints), tuple(jobs)))

    return Revocations(store, tell)
