"""What jobs on Databricks have cost, once that is billed: one statement for all jobs of the last days.

The cost is told late and may be corrected, so it is asked again for two days after it is known, and for a week while it
is not. A failure to ask fails nothing: it is logged, and asked again later.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import or_, select

from training_pipeline.databricks.billing import billed
from training_pipeline.databricks.statements import Statements
from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.job import TERMINAL
from training_pipeline.training_jobs.store.events import EventType
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import training_jobs

#: Nothing is billed sooner than this after the end of a job.
_SOONEST: Final = timedelta(hours=1)
#: So long after its end a job is asked about while its cost is not known, and while it may be corrected.
_ASKED_FOR: Final = timedelta(days=7)
_CORRECTED: Final = timedelta(days=2)
#: Seconds until it is asked again: after an answer, and after a failure.
PAUSE_SECONDS: Final = 6 * 3600.0
FAILED_SECONDS: Final = 1800.0
_MOST: Final = 500
_log = logging.getLogger(__name__)


class ActualCosts:
    """Asks what was billed and stores it. `clock` returns seconds, and `now` the time; both are replaced in tests."""

    def __init__(
        self,
        store: JobStore,
        statements: Statements,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store, self._statements, self._clock, self._now = store, statements, clock, now
        self._next = 0.0

    def write_due(self) -> int:
        """Ask about every job whose cost may be known by now, at most every `PAUSE_SECONDS`; how many costs changed.

        No warehouse is woken where there is no such job. A failure is logged, never raised.
        """
        if self._clock() < self._next:
            return 0
        due = self._due()
        if not due:
            return 0
        since = min(created for _, _, _, created in due).astimezone(UTC).date()  # as days are billed
        try:
            found = billed(self._statements, {run_id for _, run_id, _, _ in due}, since=since)
        except PipelineError as error:
            self._next = self._clock() + FAILED_SECONDS
            _log.warning("what Databricks has billed is not known: %s", error)
            return 0
        self._next = self._clock() + PAUSE_SECONDS
        changed = [(job_id, known, found[run]) for job_id, run, known, _ in due if found.get(run, known) != known]
        return sum(self._store_cost(*each) for each in changed)

    def _store_cost(self, job_id: str, known: float | None, dbu: float) -> bool:
        """Store the cost with its event, unless somebody else has meanwhile."""
        told = (EventType.INFO, f"Databricks has billed {dbu:.4g} DBU.")
        where = {"cost_dbu": known}
        return self._store.update(job_id, {"cost_dbu": dbu}, where=where, event=told) is not None

    def _due(self) -> Sequence[tuple[str, str, float | None, datetime]]:
        """The jobs to ask about: id, run, the cost that is known, and when it was created."""
        job, now = training_jobs.c, self._now()
        query = (
            select(job.id, job.backend_run_id, job.cost_dbu, job.created_at)
            .where(
                job.backend == "databricks",
                job.backend_run_id.is_not(None),
                job.status.in_(TERMINAL),
                job.completed_at.between(now - _ASKED_FOR, now - _SOONEST),
                or_(job.cost_dbu.is_(None), job.completed_at > now - _CORRECTED),
            )
            .order_by(job.completed_at.desc())
            .limit(_MOST)
        )
        with self._store.begin() as connection:
            return [(row.id, row.backend_run_id, row.cost_dbu, row.created_at) for row in connection.execute(query)]
