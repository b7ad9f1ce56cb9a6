"""Locks in the database, held across machines and freed by the server as soon as their holder's connection is gone."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, text
from sqlalchemy.exc import DBAPIError

from training_pipeline.domain.errors import Conflict

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from training_pipeline.infra.database import Database

NAMESPACE: Final = "training_pipeline:"
RETRY_SECONDS: Final = 0.05

_TRY = text("SELECT pg_try_advisory_lock(:number)")
_TAKE = text("SELECT pg_advisory_xact_lock(:number)")
_SHARE = text("SELECT pg_advisory_xact_lock_shared(:number)")
_RELEASE = text("SELECT pg_advisory_unlock(:number)")
# A holder on another machine that lost its power must not hold its locks for the two hours that Linux waits by default.
_NOTICE_LOST_HOLDER = text(
    "SELECT set_config('tcp_keepalives_idle', '15', false), set_config('tcp_keepalives_interval', '5', false), "
    "set_config('tcp_keepalives_count', '3', false)"
)
_IS_HELD = text(
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    " AND classid::bigint = :high AND objid::bigint = :low"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
).bindparams(bindparam("high"), bindparam("low"))


def number(key: str) -> int:
    """The signed 64-bit number that PostgreSQL knows the lock by: the first eight bytes of SHA-256, namespaced."""
    return int.from_bytes(hashlib.sha256((NAMESPACE + key).encode()).digest()[:8], "big", signed=True)


@contextmanager
def hold(database: Database, key: str, *, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock `key` on a connection of its own; it is free within a second of this process's death.

    Tries for `wait` seconds (`math.inf`: for ever), then raises `Conflict`. Raises `Unavailable` if the database does
    not answer. If the database is restarted meanwhile, the lock is lost without a word.
    """
    deadline = time.monotonic() + wait
    engine = database.engine(pooled=False)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(_NOTICE_LOST_HOLDER)
        while not connection.execute(_TRY, {"number": number(key)}).scalar_one():
            if time.monotonic() >= deadline:
                raise Conflict(f"The lock {key!r} is held by another process.")
            time.sleep(RETRY_SECONDS)
        try:
            yield
        finally:
            try:
                connection.execute(_RELEASE, {"number": number(key)})
            except DBAPIError:  # the server went away and took the lock with it
                connection.invalidate()


def take(connection: Connection, key: str, *, shared: bool = False) -> None:
    """Wait for the lock `key` and hold it until the caller's transaction ends, `shared` with others who do so."""
    connection.execute(_SHARE if shared else _TAKE, {"number": number(key)})


def is_held(database: Database, key: str) -> bool:
    """Whether any process holds the lock `key` now. Reads only; raises `Unavailable` if there is no connection."""
    unsigned = number(key) % 2**64
    with database.engine(pooled=False).connect() as connection:
        halves = {"high": unsigned >> 32, "low": unsigned & 0xFFFFFFFF}
        return bool(connection.execute(_IS_HELD, halves).scalar_one())
