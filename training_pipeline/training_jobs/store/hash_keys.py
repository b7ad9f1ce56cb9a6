"""Keys of hashes: a file for each below the state directory, and a table that says whose it is and whether it lives.

The secret is never in the database, which forgets nothing at once. A key counts while its row says so, whatever its
file says; a file that no row names is that of nobody.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, Connection, DateTime, Index, RowMapping, Table, Text, func, select, text
from sqlalchemy.dialects.postgresql import insert

from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.hash_key import SECRET_BYTES, HashKey
from training_pipeline.infra.files import new_private_file, sync
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import metadata

#: Keys of hashes; their secrets are in files. At most one of a training sheet lives.
hash_keys = Table(
    "hash_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("training_sheet_id", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("destroyed_at", DateTime(timezone=True)),
    Column("destroyed_by", Text),
    # The revocation for which it was destroyed.
    Column("revocation_id", Text),
    Index(
        "ix_hash_keys_training_sheet_id",
        "training_sheet_id",
        unique=True,
        postgresql_where=text("destroyed_at IS NULL"),
    ),
)

_DESTROYED: Final = text(
    "UPDATE hash_keys SET destroyed_at = clock_timestamp(), destroyed_by = :actor, revocation_id = :revocation_id"
    " WHERE id = :id AND destroyed_at IS NULL"
)


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is on record of a key. Never its secret."""

    id: str
    training_sheet_id: str
    path: Path
    created_at: datetime
    destroyed_at: datetime | None
    destroyed_by: str | None
    revocation_id: str | None


class HashKeyStore:
    """Makes, reads and destroys keys; `HashKeys` of one installation."""

    def __init__(self, store: JobStore, directory: Path) -> None:
        self._store = store
        self._directory = directory

    def within(self, connection: Connection) -> HashKeyStore:
        """The same, reading in the caller's transaction."""
        return HashKeyStore(self._store.within(connection), self._directory)

    def read(self, key_id: str) -> HashKey | None:
        """The key of this id; None where it was destroyed, is unknown, or its file cannot be read. Reads only."""
        found = self._records(hash_keys.c.id == key_id, hash_keys.c.destroyed_at.is_(None))
        return _read(found[0]) if found else None

    def is_destroyed(self, key_id: str) -> bool:
        """Whether the key of this id was destroyed, or is unknown. Reads no secret."""
        return not self._records(hash_keys.c.id == key_id, hash_keys.c.destroyed_at.is_(None))

    def of_sheet(self, training_sheet_id: str) -> HashKey | None:
        """The living key of a training sheet; None where it has none, or it cannot be read. Reads only."""
        found = self._living(training_sheet_id)
        return None if found is None else _read(found)

    def readable(self) -> list[HashKey]:
        """Every key that can be read, by id. Reads only."""
        found = map(_read, self._records(hash_keys.c.destroyed_at.is_(None)))
        return [one for one in found if one is not None]

    def records(self) -> list[KeyRecord]:
        """All keys that ever were, by id. Reads no secret."""
        return self._records()

    def made(self, training_sheet_id: str) -> HashKey:
        """The living key of a training sheet, which is made where it has none: the file first, then its row.

        Of several processes that make one at once, one has its way and the others take that. Raises `Unavailable`
        where the key that the sheet has cannot be read, or none can be written.
        """
        if (known := self._living(training_sheet_id)) is not None:
            return _required(known)
        key = HashKey(f"hk-{secrets.token_hex(8)}", secrets.token_bytes(SECRET_BYTES))
        path = self._directory / key.id
        try:
            self._write(path, key.secret)
        except OSError as error:
            raise Unavailable(
                f"No key of hashes can be written in {self._directory}: {error.strerror}.",
                hint="Check that there is space and that you may write there; then try again.",
            ) from error
        row = {"id": key.id, "training_sheet_id": training_sheet_id, "path": str(path)}
        with self._store.begin() as connection:
            ours = connection.execute(
                insert(hash_keys).values(row).on_conflict_do_nothing().returning(hash_keys.c.id)
            ).first()
        if ours is not None:
            return key
        path.unlink(missing_ok=True)
        other = self._living(training_sheet_id)
        return self.made(training_sheet_id) if other is None else _required(other)

    def destroyed(self, connection: Connection, key_id: str, *, actor: str, revocation_id: str) -> None:
        """Say in the caller's transaction that a key is destroyed: from then on it is refused. Idempotent."""
        connection.execute(_DESTROYED, {"id": key_id, "actor": actor, "revocation_id": revocation_id})

    def remove(self, record: KeyRecord) -> None:
        """Remove the file of a key that is destroyed. Idempotent."""
        record.path.unlink(missing_ok=True)
        if record.path.parent.is_dir():
            sync(record.path.parent)

    def _write(self, path: Path, secret: bytes) -> None:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with os.fdopen(new_private_file(path), "wb") as file:
                file.write(secret)
                file.flush()
                os.fsync(file.fileno())
            sync(self._directory)
        except OSError:
            path.unlink(missing_ok=True)
            raise

    def _living(self, training_sheet_id: str) -> KeyRecord | None:
        table = hash_keys.c
        found = self._records(table.training_sheet_id == training_sheet_id, table.destroyed_at.is_(None))
        return found[0] if found else None

    def _records(self, *wanted: Any) -> list[KeyRecord]:
        with self._store.begin() as connection:
            rows = connection.execute(select(hash_keys).where(*wanted).order_by(hash_keys.c.id)).mappings().all()
        return [_record(row) for row in rows]


def _record(row: RowMapping) -> KeyRecord:
    values = dict(row)
    return KeyRecord(**{**values, "path": Path(values["path"])})


def _read(record: KeyRecord) -> HashKey | None:
    try:
        secret = record.path.read_bytes()
    except OSError:
        return None
    return HashKey(record.id, secret) if len(secret) == SECRET_BYTES else None


def _required(record: KeyRecord) -> HashKey:
    key = _read(record)
    if key is None:
        raise Unavailable(
            f"The key of training sheet {record.training_sheet_id!r} cannot be read: {record.path} is not a file of "
            f"{SECRET_BYTES} bytes.",
            hint="Restore it from the backup of `keys/`, or destroy the key: "
            "`training-pipeline erase REVOCATION --destroy-keys`.",
        )
    return key
