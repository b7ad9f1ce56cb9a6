"""Evaluations that nobody asks for by hand: a training sheet names a suite, and each model trained on it is evaluated.

The suite and the judge are those that the sheet named when the job was launched. What is due is told from what is on
record, so it does not matter who looks, how often, or who died in between.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from training_pipeline.domain.errors import PipelineError
from training_pipeline.models.evaluation import records
from training_pipeline.models.evaluation.evaluations import Evaluations
from training_pipeline.models.versions.find import NAME
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import NAMES_SUITE

#: Who asks for them.
ACTOR: Final = "training_pipeline"
_SUITE: Final = "j.sheet -> 'sheet' ->> 'evaluate_on'"
_JUDGE: Final = "nullif(j.sheet -> 'sheet' ->> 'evaluate_judge', '')"
_DUE: Final = text(
    f"SELECT j.id AS job_id, {NAME} AS name, l.model_version AS version, {_SUITE} AS suite,"  # noqa: S608 - our own text
    f" {_JUDGE} AS judge"
    " FROM training_jobs AS j JOIN training_job_lineage AS l ON l.job_id = j.id"
    f" WHERE j.{NAMES_SUITE} AND j.status = 'succeeded' AND l.model_version IS NOT NULL"
    f" AND NOT EXISTS (SELECT 1 FROM model_evaluations AS e WHERE e.model_name = {NAME}"
    f" AND e.model_version = l.model_version AND (e.suite_name = {_SUITE} OR e.finished_at IS NULL))"
    " ORDER BY j.completed_at"
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Due:
    job_id: str
    name: str
    version: str
    suite: str
    judge: str | None


class AutomaticEvaluations:
    """Starts the evaluations that are due: one of each version on the suite that its sheet names."""

    def __init__(self, store: JobStore, evaluations: Evaluations) -> None:
        self._store, self._evaluations = store, evaluations

    def start_due(self) -> int:
        """Start what is due; how many were started. A version that was evaluated on the suite before is not due,
        and one that is being evaluated at all is not due yet.

        One that cannot be evaluated, such as on a suite or by a judge that does not exist, is on record as failed, with
        what to do; one that cannot be right now is due at the next look.
        """
        with self._store.begin() as connection:
            due = [_Due(**row) for row in connection.execute(_DUE).mappings()]
        started = 0
        for each in due:
            try:
                self._evaluations.start(each.name, each.version, each.suite, judge=each.judge, actor=ACTOR)
                started += 1
            except PipelineError as error:
                _log.warning("%s version %s is not evaluated automatically: %s", each.name, each.version, error.code)
                if error.recurs:
                    refused = records.refused(
                        error,
                        job_id=each.job_id,
                        model_name=each.name,
                        model_version=each.version,
                        suite=each.suite,
                        actor=ACTOR,
                    )
                    records.add(self._store, refused)
        return started
