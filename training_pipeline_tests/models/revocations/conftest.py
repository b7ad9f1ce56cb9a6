from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection

from training_pipeline.app.container import Services
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.revocations import Revocation, Taint
from training_pipeline.infra.database import Database
from training_pipeline.models.revocations.revoke import Revocations
from training_pipeline.models.uses.index import UseIndex
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.jobs import ScriptedBackend
from training_pipeline.testing.models.used_rows import dataset_of, row
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.installation import assembled
from training_pipeline.training_jobs.store.jobs import JobStore

#: The revocation, the jobs whose models it taints, and those that it keeps from one.
Told = list[tuple[str, tuple[str, ...], tuple[str, ...]]]


@pytest.fixture
def services(settings: Settings, database: Database) -> Iterator[Services]:
    """An installation whose jobs are trained by nobody, with a training sheet `small` of 40 pairs."""
    write_sheet(settings.sheets, "small", rows(40))
    parts = assembled(settings, database, backend=ScriptedBackend())
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


@pytest.fixture
def invoices(tmp_path: Path) -> DatasetRef:
    rows = [row(f"p-{number}", "train", canonical_label_id="l-1") for number in range(1, 9)]
    rows += [row(f"v-{number}", "validation", canonical_label_id="l-1") for number in range(1, 3)]
    return dataset_of(tmp_path, "invoices", [*rows, row("bad", "training_prohibited", canonical_label_id="l-1")])


@pytest.fixture
def letters(tmp_path: Path) -> DatasetRef:
    return dataset_of(tmp_path, "letters", [row("x", "train"), row("y", "validation")])
