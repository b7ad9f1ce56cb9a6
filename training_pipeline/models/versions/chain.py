"""The chain of base models: what a version was trained from, and what was trained from it. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from training_pipeline.domain.lineage import LineageRecord
from training_pipeline.models.versions.find import NAME
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import DESCENDS

_PARENT: Final = "l.base_model -> 'ancestors' -> 0 ->> 'job_id'"
#: Each record names the model that its base model is; the jobs already passed end a circle, which there cannot be.
_ABOVE: Final = text(
    f"WITH RECURSIVE above (job_id, depth, passed) AS ("  # noqa: S608 - our own text
    f" SELECT {_PARENT}, 1, ARRAY[l.job_id] FROM training_job_lineage AS l"
    f" WHERE l.job_id = :job_id AND l.{DESCENDS}"
    f" UNION ALL SELECT {_PARENT}, above.depth + 1, passed || above.job_id"
    " FROM above JOIN training_job_lineage AS l ON l.job_id = above.job_id"
    f" WHERE l.{DESCENDS} AND NOT above.job_id = ANY(passed))"
    f" SELECT above.job_id, {NAME}, l.model_version, j.base_model,"
    " coalesce(jsonb_typeof(l.base_model -> 'ancestors') = 'array', false)"
    " FROM above JOIN training_jobs AS j ON j.id = above.job_id"
    " LEFT JOIN training_job_lineage AS l ON l.job_id = above.job_id ORDER BY above.depth"
)
_BELOW: Final = text(
    "WITH RECURSIVE below (job_id, through) AS ("  # noqa: S608 - our own text
    " SELECT CAST(:job_id AS text), ARRAY[]::text[]"
    " UNION ALL SELECT l.job_id, below.through || below.job_id"
    f" FROM below JOIN training_job_lineage AS l ON l.{DESCENDS} AND {_PARENT} = below.job_id"
    " WHERE NOT l.job_id = ANY(below.through))"
    f" SELECT below.job_id, {NAME}, l.model_version, j.status, below.through FROM below"
    " JOIN training_jobs AS j ON j.id = below.job_id JOIN training_job_lineage AS l ON l.job_id = below.job_id"
    " WHERE below.job_id <> :job_id ORDER BY cardinality(below.through), j.created_at, j.id"
)


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A model of ours that a version comes from."""

    job_id: str
    name: str
    #: Null for a model that was kept as an artifact.
    version: str | None
    base_model: str
    #: Whether it is on record what that base model was, in its turn.
    base_recorded: bool


@dataclass(frozen=True, slots=True)
class Descendant:
    """A job whose base model comes from a version, and what it registered."""

    job_id: str
    name: str
    #: Null where it has registered nothing, or not yet.
    version: str | None
    status: str
    #: The jobs on the way, from the version's own to that of its base model.
    through: tuple[str, ...]


def ancestors(store: JobStore, record: LineageRecord) -> tuple[Ancestor, ...] | None:
    """The models of ours that the job's model comes from, the nearest first; None where it is not on record.

    What the record itself says stands, too, where a job of the chain is gone.
    """
    if record.base_model is None or record.base_model.ancestors is None:
        return None
    with store.begin() as connection:
        found = [Ancestor(*row) for row in connection.execute(_ABOVE, {"job_id": record.job_id}).tuples()]
    recorded = [
        Ancestor(one.job_id, one.model_name, one.model_version, one.base_model, one.base_recorded)
        for one in record.base_model.ancestors
    ]
    known = {one.job_id for one in found}
    return (*found, *(one for one in recorded if one.job_id not in known))


def descendants(store: JobStore, job_id: str) -> tuple[Descendant, ...]:
    """Every job whose base model comes from that of `job_id`, the nearest first."""
    with store.begin() as connection:
        rows = connection.execute(_BELOW, {"job_id": job_id}).tuples()
        return tuple(
            Descendant(found, name, version, status, tuple(through)) for found, name, version, status, through in rows
        )
