"""What there is to show of evaluations that have ended: each of them, and each decision of a gate that rests on one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import text

from training_pipeline.models.evaluation import records as evaluations
from training_pipeline.models.evaluation.records import Evaluation, EvaluationStatus
from training_pipeline.models.promotion import records
from training_pipeline.models.promotion.records import Promotion
from training_pipeline.training_jobs.store.jobs import JobStore

#: What is older is no news any more.
NEWS: Final = timedelta(days=7)
#: What comes to something that can be shown: figures, or why there are none.
SHOWN: Final = (EvaluationStatus.SUCCEEDED, EvaluationStatus.FAILED)
_ENDED: Final = text(
    "SELECT e.id AS evaluation_id, e.job_id, e.model_name, p.number AS decision FROM model_evaluations AS e"
    " LEFT JOIN LATERAL (SELECT number, decided_at FROM promotions"
    "  WHERE model_name = e.model_name AND evaluation_id = e.id ORDER BY number DESC LIMIT 1) AS p ON true"
    " WHERE e.model_version <> '' AND e.status IN ('succeeded', 'failed')"
    " AND greatest(e.finished_at, p.decided_at) > clock_timestamp() - CAST(:news AS interval)"
    " ORDER BY e.finished_at, e.id"
)


@dataclass(frozen=True, slots=True)
class Ended:
    """An evaluation of a job's model version that has ended, and the latest decision that rests on it, if any."""

    evaluation_id: str
    job_id: str
    model_name: str
    decision: int | None

    @property
    def key(self) -> str:
        """Another one for every decision: each is to be shown."""
        return f"{self.evaluation_id}:{self.decision or 0}"


def ended(store: JobStore) -> list[Ended]:
    """The evaluations that ended, or that something was decided by, within `NEWS`; the oldest first. Reads only."""
    with store.begin() as connection:
        return [Ended(**row) for row in connection.execute(_ENDED, {"news": NEWS}).mappings()]


def latest(store: JobStore, job_id: str, evaluation_id: str | None = None) -> Evaluation | None:
    """This evaluation of the version that a job trained, else the newest that has ended; None for none. Reads only."""
    found = [each for each in evaluations.of_jobs(store, [job_id]) if each.status in SHOWN]
    return next((each for each in found if evaluation_id in (None, each.id)), None)


def decision_on(store: JobStore, evaluation: Evaluation, *, approval: timedelta | None = None) -> Promotion | None:
    """The latest decision of a gate that rests on an evaluation; None for none. Reads only."""
    decided = records.of_model(store, evaluation.model_name, approval=approval)
    return next((each for each in decided if each.evaluation_id == evaluation.id), None)
