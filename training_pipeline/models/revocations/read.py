"""Reads revocations: pages of them, and one with everything about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select

from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.revocations import Revocation, Taint
from training_pipeline.models.revocations.record import taints_of
from training_pipeline.models.revocations.tables import revocations, revoked_rows, taints
from training_pipeline.training_jobs.store.jobs import JobStore

#: So many pairs of a revocation are named at most; all are counted.
MOST_PAIR_IDS: Final = 1000


@dataclass(frozen=True, slots=True)
class Counted:
    """A revocation, and how many models it taints."""

    revocation: Revocation
    tainted: int


@dataclass(frozen=True, slots=True)
class Whole:
    """A revocation with every model it taints, and the pairs of one that was seen in a source, the first of them."""

    revocation: Revocation
    taints: tuple[Taint, ...]
    pair_ids: tuple[str, ...]


def page(
    store: JobStore, *, job_id: str | None = None, limit: int, offset: int = 0, before: int | None = None
) -> tuple[list[Counted], int]:
    """Revocations, newest first, and how many there are in all; with `job_id` those that taint that job's model.

    `before` keeps those with a smaller number.
    """
    table = revocations.c
    counted = select(func.count()).select_from(taints).where(taints.c.revocation_id == table.id).scalar_subquery()
    matches = []
    if job_id is not None:
        matches.append(table.id.in_(select(taints.c.revocation_id).where(taints.c.job_id == job_id)))
    further = [] if before is None else [table.number < before]
    query = select(revocations, counted.label("tainted")).where(*matches, *further)
    with store.begin() as connection:
        total = connection.execute(select(func.count()).select_from(revocations).where(*matches)).scalar_one()
        rows = connection.execute(query.order_by(table.number.desc()).limit(limit).offset(offset)).mappings()
        return [Counted(Revocation.model_validate(dict(row)), row["tainted"]) for row in rows], total


def whole(store: JobStore, revocation_id: str) -> Whole:
    """One revocation; raises `NotFound`."""
    pairs = select(revoked_rows.c.pair_id).where(revoked_rows.c.revocation_id == revocation_id).distinct()
    with store.begin() as connection:
        row = connection.execute(select(revocations).where(revocations.c.id == revocation_id)).mappings().first()
        if row is None:
            raise NotFound(
                f"There is no revocation {revocation_id!r}.",
                hint="Run `training-pipeline revocations` to see all revocations.",
            )
        found = taints_of(connection, revocation_ids=[revocation_id])
        named = connection.execute(pairs.order_by(revoked_rows.c.pair_id).limit(MOST_PAIR_IDS)).scalars()
        return Whole(Revocation.model_validate(dict(row)), tuple(found), tuple(named))
