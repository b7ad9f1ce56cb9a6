"""Readiness checks of an installation: database, backend, disk and Dagster's daemon."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from training_pipeline.domain.errors import PipelineError
from training_pipeline.infra.migrations import is_migrated

if TYPE_CHECKING:
    from training_pipeline.app.container import Services

#: Dagster's daemon writes a heartbeat every 30 seconds.
MOST_SECONDS: Final = 90
#: Dagster stores naive times, in UTC.
_HEARTBEAT: Final = text(
    "SELECT extract(epoch FROM (now() AT TIME ZONE 'UTC') - max(timestamp)) FROM dagster.daemon_heartbeats"
    " WHERE daemon_type = 'SENSOR'"
)


@dataclass(frozen=True, slots=True)
class Check:
    """The check of one dependency; `detail` says what is wrong, and is empty if nothing is."""

    name: str
    ok: bool
    detail: str


def readiness(services: Services) -> list[Check]:
    """Check database, backend, disk and Dagster's daemon. Reads only; never raises; reveals no internals."""
    checks = [
        _check("database", lambda: _database(services)),
        _check("backend", lambda: _backend(services)),
        _check("disk", lambda: _disk(services)),
    ]
    if checks[0].ok:
        return [*checks, _check("dagster_daemon", lambda: _daemon(services))]
    return [*checks, Check("dagster_daemon", ok=False, detail="Unknown while the database is not available.")]


def daemon_runs(services: Services) -> bool:
    """Whether a daemon of Dagster works on this installation's jobs. Reads; raises `Unavailable`."""
    return not _daemon(services)


def _check(name: str, problem: Callable[[], str]) -> Check:
    try:
        detail = problem()
    except Exception as error:  # noqa: BLE001 - whatever it is, it means that this is not ready
        # What a library or the database says may hold an address; that it failed is enough here.
        known = isinstance(error, PipelineError)
        detail = f"The {name} does not answer." if known else f"The {name} does not answer ({type(error).__name__})."
    return Check(name, ok=not detail, detail=detail)


def _database(services: Services) -> str:
    if is_migrated(services.database):
        return ""
    return "Its tables are of another release. Run `training-pipeline up` or `serve` to migrate them."


def _backend(services: Services) -> str:
    return "" if services.backend.base_models() else "It offers no base models."


def _disk(services: Services) -> str:
    settings = services.settings
    free = shutil.disk_usage(settings.state_dir).free // 2**20
    if not os.access(settings.state_dir, os.W_OK | os.X_OK):
        return "The state directory is read-only."
    if free < settings.min_free_disk_mb:
        return f"{free} MiB are free, less than {settings.min_free_disk_mb} MiB. Training waits where it needs more."
    return ""


def _daemon(services: Services) -> str:
    with services.store.begin() as connection:
        seconds = connection.execute(_HEARTBEAT).scalar_one()
    if seconds is None:
        return "It has never run. Start it with `training-pipeline up`. New jobs will wait."
    if seconds > MOST_SECONDS:
        return f"Its last heartbeat was {float(seconds):.0f} seconds ago. New jobs will wait."
    return ""
