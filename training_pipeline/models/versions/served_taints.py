"""Endpoints that serve a tainted or withdrawn version: whoever recorded them, and whichever of the two came first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import text

from training_pipeline.domain.model_version import TaintedEndpoint
from training_pipeline.models.versions import find
from training_pipeline.models.versions.standing import Standings
from training_pipeline.training_jobs.store.jobs import JobStore

_SERVED: Final = text(
    "SELECT e.url, e.model_name, e.model_version, v.job_id, v.revocations FROM model_endpoints AS e"  # noqa: S608
    f" JOIN ({find.TAINTS}) AS v ON v.name = e.model_name AND v.version = e.model_version"
    " WHERE e.until IS NULL AND cardinality(v.revocations) > 0 ORDER BY e.url, e.id"
)


class ServedTaints:
    """Looks at what is on record. Whoever is told hears the same again and again, and knows what is new."""

    def __init__(self, store: JobStore, standings: Standings, tell: Callable[[TaintedEndpoint], None]) -> None:
        self._store, self._standings, self._tell = store, standings, tell

    def look(self) -> int:
        """Tell of every endpoint that serves such a version now; returns how many there are. Writes nothing itself."""
        with self._store.begin() as connection:
            rows = connection.execute(_SERVED).tuples().all()
        standing = self._standings([job_id for _, _, _, job_id, _ in rows]) if rows else {}
        for url, name, version, job_id, revoked in rows:
            self._tell(
                TaintedEndpoint(
                    url=url,
                    model_name=name,
                    model_version=version,
                    job_id=job_id,
                    revocation_ids=tuple(revoked),
                    state=standing[job_id].state,
                )
            )
        return len(rows)
