"""Revocations on record: found, inserted, and locked against others that revoke or register."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, select, text
from sqlalchemy import insert as insert_into

from training_pipeline.domain.revocations import Revocation, RevocationSource, RevokedKind, new_revocation_id
from training_pipeline.models.revocations.tables import revocations

_MODE: Final = {True: "SHARE ROW EXCLUSIVE", False: "SHARE"}


def lock(connection: Connection, *, revokes: bool = True) -> None:
    """Wait until nobody else revokes, and have nobody do so until this transaction ends.

    With `revokes` it also waits for models that are being registered, so that it sees them.
    """
    connection.execute(text(f"LOCK TABLE revocations IN {_MODE[revokes]} MODE"))


def get(connection: Connection, revocation_id: str) -> Revocation:
    """A revocation that is there. Reads only."""
    row = connection.execute(select(revocations).where(revocations.c.id == revocation_id)).mappings().one()
    return Revocation.model_validate(dict(row))


def identity_of(kind: RevokedKind, value: str, training_sheet_id: str | None, source: RevocationSource) -> str:
    """What two revocations of the same have in common."""
    said = json.dumps([kind, value, training_sheet_id, source], ensure_ascii=True)
    return hashlib.sha256(said.encode()).hexdigest()


def known(connection: Connection, identity: str) -> Revocation | None:
    """The revocation of this identity. Reads only."""
    row = connection.execute(select(revocations).where(revocations.c.identity == identity)).mappings().first()
    return None if row is None else Revocation.model_validate(dict(row))


def insert(connection: Connection, identity: str, **values: Any) -> Revocation:
    """Put a new revocation on record, in the caller's transaction."""
    stored = {"id": new_revocation_id(datetime.now(UTC)), "identity": identity, **values}
    row = connection.execute(insert_into(revocations).values(stored).returning(revocations)).mappings().one()
    return Revocation.model_validate(dict(row))
