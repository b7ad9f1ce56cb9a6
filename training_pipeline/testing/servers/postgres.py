"""PostgreSQL servers for tests: in directories that its system user reaches, with a new database for whoever asks."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Engine, create_engine

from training_pipeline.domain.errors import Conflict, NotFound
from training_pipeline.infra import file_lock
from training_pipeline.infra.embedded_postgres import DATABASE, EmbeddedPostgres

_numbers = itertools.count()
PREFIX_OF_DIRECTORIES = "tp-test-"
#: Where these directories may be: in memory (Linux), where to copy a database and drop it takes half of the processor
#: time, and a tenth of it where the disk is busy; else in /tmp.
MEMORY, DISK = Path("/dev/shm"), Path("/tmp")
#: What has to be free there. All workers together take a tenth of it.
NEEDED_BYTES = 8 * 1024**3


def _place() -> Path:
    in_memory = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= NEEDED_BYTES
    return MEMORY if in_memory else DISK


@contextmanager
def reachable_directory(place: Path | None = None) -> Iterator[Path]:
    """A temporary directory in which the system user that runs PostgreSQL for root can reach what it owns.

    Its lock is held until it is removed, and it gets the name that sweeps look for under that lock.
    """
    new = Path(tempfile.mkdtemp(prefix=f".{PREFIX_OF_DIRECTORIES}", dir=place or _place()))
    new.chmod(0o711)
    with file_lock.hold_directory(new):
        directory = new.rename(new.with_name(new.name.removeprefix(".")))
        try:
            yield directory
        finally:
            shutil.rmtree(directory)


def sweep(places: Iterable[Path] = (MEMORY, DISK)) -> None:
    """Stop the servers of test sessions that were killed, and remove their directories.

    Other sessions may make and remove theirs meanwhile; what a live one holds is left alone. May be done at any time.
    """
    for directory in [found for place in places for found in place.glob(f"{PREFIX_OF_DIRECTORIES}*")]:
        with suppress(NotFound, Conflict, PermissionError), file_lock.hold_directory(directory, wait=False):
            for parent, _, files in os.walk(directory):  # a server that still runs removes files of its own meanwhile
                if "postmaster.pid" in files:
                    EmbeddedPostgres(Path(parent).parent).stop()
            shutil.rmtree(directory, ignore_errors=True)


def copy_of(prepared: EmbeddedPostgres, directory: Path) -> EmbeddedPostgres:
    """A server in `directory` that was not started yet, with the data of the prepared one."""
    directory.mkdir(mode=0o700)
    shutil.copytree(prepared.data, directory / "data", symlinks=True)
    return EmbeddedPostgres(directory)


def url_of(server: EmbeddedPostgres, database: str = DATABASE) -> SecretStr:
    """The URL of one of the server's databases, as a user would set it."""
    return SecretStr(server.url(database).set(drivername="postgresql").render_as_string(hide_password=False))


def execute(server: EmbeddedPostgres, statement: str) -> None:
    """Run one statement outside a transaction."""
    with _connections(server).connect() as connection:
        connection.exec_driver_sql(statement)


@cache
def _connections(server: EmbeddedPostgres) -> Engine:
    """One connection is kept: to make it anew twice for each test costs a third of what a database does."""
    return create_engine(server.url("postgres"), pool_pre_ping=True, isolation_level="AUTOCOMMIT")


@contextmanager
def cloned(server: EmbeddedPostgres, template: str) -> Iterator[SecretStr]:
    """The URL of a new database, copied from `template`; it is dropped at the end."""
    name = f"test_{next(_numbers)}"
    execute(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    try:
        yield url_of(server, name)
    finally:
        execute(server, f"DROP DATABASE {name} WITH (FORCE)")
