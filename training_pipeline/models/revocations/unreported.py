"""Tainted models that have not been reported to Dagster yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from training_pipeline.training_jobs.store.jobs import JobStore

_UNTOLD: Final = text(
    "SELECT job_id, min(model_name), min(model_version), array_agg(revocation_id ORDER BY created_at, revocation_id)"
    " FROM taints GROUP BY job_id HAVING bool_and(checked_at IS NULL) ORDER BY min(created_at), job_id"
    " LIMIT 100"
)
_TOLD: Final = text(
    "UPDATE taints SET checked_at = clock_timestamp()"
    " WHERE job_id = :job_id AND revocation_id = ANY(:revocation_ids) AND checked_at IS NULL"
)


@dataclass(frozen=True, slots=True)
class Untold:
    """A tainted model, and all that taints it."""

    job_id: str
    model_name: str
    model_version: str | None
    revocation_ids: tuple[str, ...]


class UnreportedTaints:
    """Remembers what Dagster was told: after it was, so that a crash in between tells it twice and never not."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def untold(self) -> list[Untold]:
        """The tainted models that Dagster does not know of, those tainted for longest first; 100 at most.

        It cannot be told twice of one: further revocations of a model whose check failed change nothing there.
        """
        with self._store.begin() as connection:
            rows = connection.execute(_UNTOLD).tuples()
            return [Untold(job_id, name, version, tuple(revoked)) for job_id, name, version, revoked in rows]

    def told(self, one: Untold) -> None:
        """Dagster knows of these. Idempotent."""
        with self._store.begin() as connection:
            connection.execute(_TOLD, {"job_id": one.job_id, "revocation_ids": list(one.revocation_ids)})
