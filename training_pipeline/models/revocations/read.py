"""Reads revocations: pages of them, and one with everything about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, literal_column, select, text

from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.revocations import Revocation, Taint, UnreadDataset
from training_pipeline.domain.rules.text.id_order import counted_sql
from training_pipeline.models.revocations.tables import revocations, revoked_rows, taints, unread_datasets
from training_pipeline.models.revocations.taints import taints_of
from training_pipeline.models.revocations.unread import still_open
from training_pipeline.models.uses.in_use import InUses, in_use
from training_pipeline.training_jobs.store.jobs import JobStore

#: So many pairs of a revocation are named at most; all are counted.
MOST_PAIR_IDS: Final = 1000
#: Ids in the order in which people count.
_AS_COUNTED: Final = literal_column(counted_sql("pair_id")).collate("C")
#: Of each tainted model the first version that came later and that the revocation does not taint.
_SUCCESSORS: Final = text(
    "SELECT DISTINCT ON (t.job_id) t.job_id, l.model_version FROM taints AS t"
    " JOIN training_jobs AS before ON before.id = t.job_id"
    " JOIN training_jobs AS j ON coalesce(j.uc_model_name, j.model_name) = t.model_name"
    " AND (j.created_at, j.id) > (before.created_at, before.id)"
    " JOIN training_job_lineage AS l ON l.job_id = j.id AND l.model_version IS NOT NULL"
    " WHERE t.revocation_id = :id AND NOT EXISTS ("
    "SELECT FROM taints AS other WHERE other.revocation_id = t.revocation_id AND other.job_id = j.id)"
    " ORDER BY t.job_id, j.created_at, j.id"
)


@dataclass(frozen=True, slots=True)
class Counted:
    """A revocation, and how many models it taints."""

    revocation: Revocation
    tainted: int
    #: Datasets of which nobody can say yet whether they hold it.
    unread: int


@dataclass(frozen=True, slots=True)
class Whole:
    """A revocation with every model it taints, and the pairs of one that was seen in a source, the first of them."""

    revocation: Revocation
    taints: tuple[Taint, ...]
    pair_ids: tuple[str, ...]
    #: By the job of a tainted model: the first later version of that model without the rows, its ancestors included.
    successors: Mapping[str, str]
    #: Where the tainted versions are in use.
    in_use: InUses
    #: Datasets of which nobody can say yet whether they hold it: their manifests cannot be read.
    unread: tuple[UnreadDataset, ...] = ()


def page(
    store: JobStore, *, job_id: str | None = None, limit: int, offset: int = 0, before: int | None = None
) -> tuple[list[Counted], int]:
    """Revocations, newest first, and how many there are in all; with `job_id` those that taint that job's model.

    `before` keeps those with a smaller number.
    """
    table = revocations.c
    counted = select(func.count()).select_from(taints).where(taints.c.revocation_id == table.id).scalar_subquery()
    opened = unread_datasets.c.read_at.is_(None)
    unread = (
        select(func.count()).select_from(unread_datasets).where(unread_datasets.c.revocation_id == table.id, opened)
    ).scalar_subquery()
    matches = []
    if job_id is not None:
        matches.append(table.id.in_(select(taints.c.revocation_id).where(taints.c.job_id == job_id)))
    further = [] if before is None else [table.number < before]
    query = select(revocations, counted.label("tainted"), unread.label("unread")).where(*matches, *further)
    with store.begin() as connection:
        total = connection.execute(select(func.count()).select_from(revocations).where(*matches)).scalar_one()
        rows = connection.execute(query.order_by(table.number.desc()).limit(limit).offset(offset)).mappings()
        found = [Counted(Revocation.model_validate(dict(row)), row["tainted"], row["unread"]) for row in rows]
        return found, total


def whole(store: JobStore, revocation_id: str) -> Whole:
    """One revocation; raises `NotFound`."""
    pair_id = revoked_rows.c.pair_id
    pairs = select(pair_id).where(revoked_rows.c.revocation_id == revocation_id).group_by(pair_id)
    with store.begin() as connection:
        row = connection.execute(select(revocations).where(revocations.c.id == revocation_id)).mappings().first()
        if row is None:
            raise NotFound(
                f"There is no revocation {revocation_id!r}.",
                hint="Run `training-pipeline revocations` to see all revocations.",
            )
        found = taints_of(connection, revocation_ids=[revocation_id])
        later = connection.execute(_SUCCESSORS, {"id": revocation_id}).tuples().all()
        successors = {str(job_id): str(version) for job_id, version in later}
        named = connection.execute(pairs.order_by(_AS_COUNTED, pair_id).limit(MOST_PAIR_IDS)).scalars()
        used = in_use(connection, [(one.model_name, one.model_version) for one in found])
        unread = tuple(still_open(connection, revocation_id).get(revocation_id, ()))
        return Whole(Revocation.model_validate(dict(row)), tuple(found), tuple(named), successors, used, unread)
