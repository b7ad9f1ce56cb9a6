"""Idempotency keys: requests with the same key create one job, however often they are sent.

A key belongs to whoever sent it. The first answer is stored in the transaction that stores the job, so no crash makes
two jobs of one key; while the first request is being worked on its key is locked. A request that was refused leaves
nothing behind: it may be mended and sent again with the same key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Column, Connection, DateTime, Index, Integer, Table, Text, delete, func, insert, select, tuple_

from training_pipeline.domain.errors import Conflict, InvalidRequest
from training_pipeline.domain.job import TrainingJob
from training_pipeline.infra import advisory_lock
from training_pipeline.infra.database import Database
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import metadata

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("who", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    # SHA-256 (hex) of what was asked for.
    Column("body_hash", Text, nullable=False),
    Column("response_status", Integer, nullable=False),
    Column("response_body", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Index("ix_idempotency_keys_created_at", "created_at"),
)

#: An answer is kept at least this long.
KEPT: Final = timedelta(hours=48)
_SWEPT_AT_ONCE: Final = 100
#: Stores the first answer on the connection that stores the job.
Remember = Callable[[Connection, TrainingJob], None]


class KeyReused(InvalidRequest):
    """The key was used for another request."""

    code = "idempotency_key_reused"


class KeyInUse(Conflict):
    """The first request with the key is still being worked on."""

    code = "idempotency_key_in_use"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: an HTTP status and a JSON text."""

    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Turn:
    """This request's turn on its key: the first answer where there is one, else the right to give it."""

    who: str
    key: str
    body_hash: str
    first_answer: Answer | None

    def remember(self, connection: Connection, answer: Answer) -> None:
        """Store the first answer within the caller's transaction."""
        connection.execute(
            insert(idempotency_keys).values(
                who=self.who,
                key=self.key,
                body_hash=self.body_hash,
                response_status=answer.status,
                response_body=answer.body,
            )
        )
        _sweep(connection)


def once(
    store: JobStore,
    database: Database,
    *,
    who: str,
    key: str,
    body_hash: str,
    create: Callable[[Remember], TrainingJob],
    answer: Callable[[TrainingJob], Answer],
) -> tuple[Answer, bool]:
    """The answer to a request that creates a job, and whether it was given before, to the same key.

    `create` stores the job, and calls what it is given in the same transaction. Raises what `turn` and `create` do.
    """
    with turn(store, database, who=who, key=key, body_hash=body_hash) as ours:
        if ours.first_answer is not None:
            return ours.first_answer, True
        return answer(create(lambda connection, job: ours.remember(connection, answer(job)))), False


def body_hash(operation: str, body: Any) -> str:
    """SHA-256 (hex) of what is asked for: the operation and its JSON value, without regard to order and space."""
    return hashlib.sha256(json.dumps([operation, body], sort_keys=True).encode()).hexdigest()


@contextmanager
def turn(store: JobStore, database: Database, *, who: str, key: str, body_hash: str) -> Iterator[Turn]:
    """Hold the key while the context is open. Raises `KeyInUse` if another request does, `KeyReused` for another body.

    One that comes after the first was answered does not wait for a lock.
    """
    answered = _look(store, who, key, body_hash)
    if answered is not None:
        yield Turn(who, key, body_hash, answered)
        return
    name = hashlib.sha256(json.dumps([who, key]).encode()).hexdigest()
    with ExitStack() as held:
        try:
            held.enter_context(advisory_lock.hold(database, f"idempotency:{name}"))
        except Conflict:
            raise KeyInUse(
                "Another request with this Idempotency-Key is in progress.", hint="Retry in a moment."
            ) from None
        yield Turn(who, key, body_hash, _look(store, who, key, body_hash))


def _look(store: JobStore, who: str, key: str, body_hash: str) -> Answer | None:
    table = idempotency_keys.c
    with store.begin() as connection:
        row = connection.execute(select(idempotency_keys).where(table.who == who, table.key == key)).mappings().first()
    if row is None:
        return None
    if row["body_hash"] != body_hash:
        raise KeyReused(
            "This Idempotency-Key was used for another request.", hint="Use a new key for a different request."
        )
    return Answer(row["response_status"], row["response_body"])


def _sweep(connection: Connection) -> None:
    """Forget some keys that are old enough; those that another transaction is at are left to it."""
    table = idempotency_keys.c
    old = (
        select(table.who, table.key)
        .where(table.created_at < func.now() - KEPT)
        .limit(_SWEPT_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    connection.execute(delete(idempotency_keys).where(tuple_(table.who, table.key).in_(old)))
