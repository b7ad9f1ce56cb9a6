"""Decisions about aliases on record: what was asked, what was found, who decided, and whether the alias was moved."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import exists, func, insert, select, update

from training_pipeline.models.promotion.gate import Decision, Verdict
from training_pipeline.models.promotion.requirements import Gate
from training_pipeline.models.promotion.tables import promotions
from training_pipeline.training_jobs.store.jobs import JobStore


class PromotionKind(StrEnum):
    """Through the gate, or back."""

    PROMOTE = "promote"
    ROLL_BACK = "roll_back"


class Promotion(BaseModel):
    """A decision about the alias of a model. A version of null is none."""

    model_config = ConfigDict(frozen=True)

    number: int
    kind: PromotionKind
    model_name: str
    alias: str
    model_version: str | None
    previous_version: str | None
    evaluation_id: str | None
    #: The suite that it rests on; null where none was asked for and there was no evaluation.
    suite: str | None = None
    gate: Gate | None
    decision: Decision | None
    reason: str
    actor: str
    decided_at: datetime
    #: Whether the gate lets it, and somebody else must approve it before the alias is moved.
    waits: bool = False
    #: Whether it waited for that too long, and is void.
    expired: bool = False
    #: The number of the decision of somebody else that this one approves.
    approves: int | None = None
    #: Null where the alias was not moved.
    moved_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether the alias was to be moved, and it is not on record that it was."""
        lets = self.decision is None or self.decision.verdict is Verdict.SHIP
        return lets and self.moved_at is None and not self.waits and not self.expired


def add(store: JobStore, **values: Any) -> Promotion:
    """Put a decision on record, its alias not yet moved. Writes."""
    with store.begin() as connection:
        statement = insert(promotions).values(decided_at=func.clock_timestamp(), **values).returning(promotions)
        return Promotion.model_validate(dict(connection.execute(statement).mappings().one()))


def moved(store: JobStore, number: int) -> Promotion:
    """Note that the alias of a decision was moved. Writes."""
    statement = (
        update(promotions)
        .where(promotions.c.number == number)
        .values(moved_at=func.clock_timestamp())
        .returning(promotions)
    )
    with store.begin() as connection:
        return Promotion.model_validate(dict(connection.execute(statement).mappings().one()))


def open_aliases(store: JobStore, *, since: timedelta) -> list[tuple[str, str]]:
    """The models and aliases whose newest decision, not older than this, is not on record as moved. Reads only."""
    table, later = promotions.c, promotions.alias("later").c
    newer = exists().where(
        later.model_name == table.model_name, later.alias == table.alias, later.number > table.number
    )
    query = select(table.model_name, table.alias).where(
        table.moved_at.is_(None), table.decided_at > func.clock_timestamp() - since, ~newer
    )
    with store.begin() as connection:
        return [(name, alias) for name, alias in connection.execute(query.order_by(table.number))]


def of_model(store: JobStore, name: str, alias: str | None = None, *, approval: timedelta | None) -> list[Promotion]:
    """The decisions about a model, and of an alias where one is given, the newest first. Reads only.

    One that waited longer than `approval` is void: it waits no more.
    """
    table = promotions.c
    where = [table.model_name == name, *([] if alias is None else [table.alias == alias])]
    with store.begin() as connection:
        now = connection.execute(select(func.clock_timestamp())).scalar_one()
        rows = connection.execute(select(promotions).where(*where).order_by(table.number.desc())).mappings()
        return [_as_it_is_now(Promotion.model_validate(dict(row)), approval, now) for row in rows]


def _as_it_is_now(found: Promotion, approval: timedelta | None, now: datetime) -> Promotion:
    if not found.waits or approval is None or found.decided_at + approval > now:
        return found
    return found.model_copy(update={"waits": False, "expired": True})
