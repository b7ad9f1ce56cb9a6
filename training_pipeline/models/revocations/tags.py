"""Says in MLflow, or in Unity Catalog, that a version is tainted, after the taint is recorded and until it is said.

The taint stands meanwhile. A registry that does not answer is asked again after a pause that doubles.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text

from training_pipeline.domain.error_in_words import describe
from training_pipeline.infra.retry import RetryPolicy
from training_pipeline.tracking.mlflow import RunTracking
from training_pipeline.training_jobs.store.jobs import JobStore

#: The tag; its value names revocations.
TAG: Final = "training_pipeline.tainted"
RETRIES: Final = RetryPolicy(first=5.0, longest=300.0)
_NAMED: Final = 5
_DUE: Final = text(
    "SELECT t.job_id, min(t.model_name), min(t.model_version), min(j.mlflow_run_id), max(t.attempts),"
    " array_agg(t.revocation_id ORDER BY t.created_at, t.revocation_id)"
    " FROM taints AS t JOIN training_jobs AS j ON j.id = t.job_id GROUP BY t.job_id"
    " HAVING bool_or(t.tagged_at IS NULL AND (t.after IS NULL OR t.after <= clock_timestamp()))"
    " ORDER BY min(t.created_at)"
)
_TAGGED: Final = text(
    "UPDATE taints SET tagged_at = clock_timestamp(), attempts = 0, after = NULL"
    " WHERE job_id = :job_id AND revocation_id = ANY(:revocation_ids) AND tagged_at IS NULL"
)
_FAILED: Final = text(
    "UPDATE taints SET attempts = :attempts, after = clock_timestamp() + make_interval(secs => :pause)"
    " WHERE job_id = :job_id AND tagged_at IS NULL"
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tagged:
    """What came of one round: how many models were tagged, and of how many it failed."""

    tagged: int
    failed: int


class TaintTags:
    """Writes the tags that are due. May be repeated: a tag says every revocation that taints its version."""

    def __init__(self, store: JobStore, tracking: RunTracking) -> None:
        self._store = store
        self._tracking = tracking

    def write_due(self, *, seconds: float = 20.0) -> Tagged:
        """Tag the versions that are due, for so many seconds; a model without a version has its run tagged."""
        deadline = time.monotonic() + seconds
        with self._store.begin() as connection:
            due = connection.execute(_DUE).tuples().all()
        tagged = failed = 0
        for job_id, name, version, run_id, attempts, revocation_ids in due:
            if time.monotonic() > deadline:
                break
            try:
                self._tag(name, version, run_id, {TAG: value(revocation_ids)})
            except Exception as error:  # noqa: BLE001 - of MLflow, of its database or of the workspace, in any class
                failed += 1
                _log.warning("the model of training job %s could not be tagged: %s", job_id, describe(error))
                pause = RETRIES.pause(attempts + 1)
                self._execute(_FAILED, job_id=job_id, attempts=attempts + 1, pause=pause)
            else:
                tagged += 1
                self._execute(_TAGGED, job_id=job_id, revocation_ids=revocation_ids)
        return Tagged(tagged, failed)

    def _tag(self, name: str, version: str | None, run_id: str | None, tags: dict[str, str]) -> None:
        if version is not None:
            self._tracking.tag_version(name, version, tags)
        elif run_id is not None:
            self._tracking.tag_run(run_id, tags)

    def _execute(self, statement: Any, **values: Any) -> None:
        with self._store.begin() as connection:
            connection.execute(statement, values)


def value(revocation_ids: Sequence[str]) -> str:
    """The value of the tag: the first revocations, and how many more there are."""
    more = len(revocation_ids) - _NAMED
    return ", ".join(revocation_ids[:_NAMED]) + (f" and {more} more" if more > 0 else "")
