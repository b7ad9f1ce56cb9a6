"""The parts of an installation on a test's own database, with stand-in trainers."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from training_pipeline.app.container import Services, assemble
from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.infra.database import Database
from training_pipeline.infra.state_directory import ensure_state_directory
from training_pipeline.settings import Settings
from training_pipeline.testing.sheets.counted_once import CountedOnce
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.trainers.local_backend import reap, stand_in_backend


def with_parts(services: Services, **parts: Any) -> Services:
    """The same installation with other parts; what it has not built yet is built with them."""
    changed = copy.copy(services)
    vars(changed).update(parts)
    return changed


def assembled(settings: Settings, database: Database, *, backend: FineTuningBackend) -> Services:
    """Real services on `backend`, which count no sheet that another test has counted."""
    _let_mlflow_look_once()
    services = assemble(settings, database, backend=backend)
    vars(services)["sheet_findings"] = CountedOnce(settings.sheet_findings, services.policy)
    return services


def _let_mlflow_look_once() -> None:
    """For each database that is opened, MLflow reads all of its 70 migrations to tell which is the last one."""
    migrations = sys.modules.get("mlflow.store.db.utils")
    if migrations is not None and not hasattr(migrations._get_latest_schema_revision, "cache_info"):
        vars(migrations)["_get_latest_schema_revision"] = cache(migrations._get_latest_schema_revision)


@contextmanager
def scripted_services(settings: Settings, database: Database, backend: FineTuningBackend) -> Iterator[Services]:
    """Real services on `backend`, with a training sheet `small` of 40 pairs, one of them rejected."""
    ensure_state_directory(settings)
    write_sheet(settings.sheets, "small", [*rows(39), *rows(1, pair_id="x", status="rejected")])
    services = assembled(settings, database, backend=backend)
    try:
        yield services
    finally:
        services.store.engine.dispose()


@contextmanager
def stand_in_services(settings: Settings, database: Database, **behaviour: Any) -> Iterator[Services]:
    """Real services but for the trainer; processes of its runs end with the block.

    As in an installation, a run begins once a poll has let it.
    """
    ensure_state_directory(settings)
    services = assembled(settings, database, backend=stand_in_backend(settings.runs, asks_permission=True, **behaviour))
    try:
        yield services
    finally:
        reap(settings.runs)
        services.store.engine.dispose()
