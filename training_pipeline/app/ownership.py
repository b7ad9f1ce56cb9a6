"""One installation owns a database: the first one whose local backend works on it.

A local run is processes and files of one machine. An installation with another state directory would find none of them,
take its jobs for lost and fail them, so it is kept out, unless it works on the same files.
"""

from __future__ import annotations

import os
import socket
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Final

from sqlalchemy import Boolean, CheckConstraint, Column, DateTime, Table, Text, func, select, update
from sqlalchemy.dialects.postgresql import insert

from training_pipeline.domain.errors import Conflict, Unavailable
from training_pipeline.infra.database import Database
from training_pipeline.infra.files import replace_file
from training_pipeline.settings import Settings
from training_pipeline.settings.prefix import PREFIX
from training_pipeline.training_jobs.store.tables import metadata

installation = Table(
    "installation",
    metadata,
    # There is one row, of the installation that the database belongs to.
    Column("the_only", Boolean, primary_key=True, server_default="true"),
    Column("id", Text, nullable=False),
    Column("state_dir", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    CheckConstraint("the_only", name="the_only"),
)

#: Holds the id: in the state directory, and as a mark in the directories that installations may share.
NAME: Final = ".installation"


def require_own(settings: Settings, database: Database) -> None:
    """Make a database that nobody owns this installation's; raise `Conflict` where it is another one's. Idempotent.

    With `shared_storage` another installation may join, if its datasets, snapshots and runs are the owner's. A backend
    other than the local one keeps its runs elsewhere and is let pass.
    """
    if settings.backend != "local":
        return
    try:
        mine = _own_id(settings.state_dir / NAME)
    except OSError as error:
        raise Unavailable(
            f"The state directory {settings.state_dir} cannot be used: {error}.",
            hint=f"Make it writable, or set {PREFIX}STATE_DIR to a directory of your own.",
        ) from error
    here = {"state_dir": str(settings.state_dir), "host": socket.gethostname()}
    with database.engine(pooled=False).begin() as connection:
        connection.execute(insert(installation).values(id=mine, **here).on_conflict_do_nothing())
        owner = connection.execute(select(installation)).mappings().one()
        if owner["id"] == mine and {name: owner[name] for name in here} != here:  # it has moved
            connection.execute(update(installation).values(here))
    if owner["id"] == mine:
        _mark(settings, mine)
    elif not settings.shared_storage or _foreign(settings, owner["id"]):
        raise _kept_out(settings, database, owner["id"], f"{owner['state_dir']} on {owner['host']}")


def _own_id(path: Path) -> str:
    """The id in `path`, made up where there is none; one of several processes that make one up wins."""
    if not path.exists():
        _put(path, str(uuid.uuid4()))
    return path.read_text(encoding="ascii").strip()


def _put(path: Path, content: str) -> None:
    """Write a file whole, unless it is there by then."""
    fresh = path.with_name(f"{NAME}.{uuid.uuid4()}")
    replace_file(fresh, f"{content}\n".encode())
    with suppress(FileExistsError):
        os.link(fresh, path)
    fresh.unlink()


def _shared(settings: Settings) -> list[Path]:
    return [directory / NAME for directory in (settings.datasets, settings.snapshots, settings.runs)]


def _mark(settings: Settings, owner: str) -> None:
    for mark in _shared(settings):
        if _read(mark) not in {None, owner}:
            mark.unlink(missing_ok=True)
        if _read(mark) is None:
            _put(mark, owner)


def _foreign(settings: Settings, owner: str) -> list[Path]:
    """The directories that are not the owner's."""
    return [mark.parent for mark in _shared(settings) if _read(mark) != owner]


def _read(mark: Path) -> str | None:
    try:
        return mark.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None


def _kept_out(settings: Settings, database: Database, owner: str, where: str) -> Conflict:
    said = f"The database {database} belongs to another installation, {where}."
    if settings.shared_storage:
        foreign = ", ".join(str(path) for path in _foreign(settings, owner))
        return Conflict(
            f"{said} {PREFIX}SHARED_STORAGE is set, but these are not that installation's directories: {foreign}.",
            hint=f"Mount or link its storage there, or use another database ({PREFIX}DATABASE_URL).",
        )
    return Conflict(
        f"{said} Local runs are files and processes there, which {settings.state_dir} does not have.",
        hint=f"Work with that state directory, or with another database ({PREFIX}DATABASE_URL). Where both share the "
        f"storage of datasets, snapshots and runs, set {PREFIX}SHARED_STORAGE=true. If that installation is gone for "
        f"good, take its place: echo {owner} > {settings.state_dir / NAME}",
    )
