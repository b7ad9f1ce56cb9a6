"""Who needs the key of a training sheet's hashes, its jobs in progress aside."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from training_pipeline.domain.study import LIVE_STUDIES
from training_pipeline.models.evaluation.records import ACTIVE
from training_pipeline.models.versions.find import NAME

#: Evaluations compare their pairs with all that their models learned; the trials of a study share one dataset, which
#: is another one under another key.
_USERS: Final = text(
    "WITH active AS (SELECT * FROM model_evaluations WHERE status = ANY(:active)),"  # noqa: S608 - our own text
    " asked AS (SELECT id, job_id FROM active UNION SELECT e.id, j.id FROM active AS e"
    " JOIN training_job_lineage AS l ON l.model_version = e.champion_version"
    f" JOIN training_jobs AS j ON j.id = l.job_id WHERE {NAME} = e.model_name),"
    " learned AS (SELECT id, job_id FROM asked UNION SELECT asked.id, one #>> '{}' FROM asked"
    " JOIN training_job_lineage USING (job_id)"
    " CROSS JOIN LATERAL jsonb_path_query(base_model, 'lax $.ancestors[*].job_id') AS one)"
    " SELECT learned.id FROM learned JOIN training_jobs ON training_jobs.id = learned.job_id"
    " WHERE training_sheet_id = :sheet"
    " UNION SELECT name FROM studies WHERE status = ANY(:live)"
    " AND request -> 'job' ->> 'training_sheet_id' = :sheet ORDER BY 1"
)


def key_users(connection: Connection, training_sheet_id: str) -> tuple[str, ...]:
    """The evaluations and studies in progress that need the key of a training sheet, by id or name. Reads only."""
    values = {"sheet": training_sheet_id, "active": [*map(str, ACTIVE)], "live": [*map(str, LIVE_STUDIES)]}
    return tuple(connection.execute(_USERS, values).scalars())
