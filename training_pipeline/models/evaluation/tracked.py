"""The figures of evaluations in MLflow: metrics of the job's run and a tag of the version. Never a text of a pair."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from sqlalchemy import func, select, update

from training_pipeline.backends.metric_point import MetricPoint
from training_pipeline.domain.error_in_words import describe
from training_pipeline.domain.figure_in_words import interval
from training_pipeline.models.evaluation.records import Evaluation, EvaluationStatus, StoredFigure
from training_pipeline.models.evaluation.tables import model_evaluations
from training_pipeline.tracking.mlflow import RunTracking
from training_pipeline.training_jobs.store.jobs import JobStore

_TRIED: Final = timedelta(days=7)
_TAG: Final = "training_pipeline.evaluation"
_log = logging.getLogger(__name__)


class TrackedFigures:
    """Tells MLflow what was measured, after it is on record and until it is told. May be repeated."""

    def __init__(self, store: JobStore, tracking: RunTracking) -> None:
        self._store, self._tracking = store, tracking

    def write_due(self, *, seconds: float = 20.0) -> int:
        """Tell MLflow about the evaluations of versions it has not heard of, for so many seconds; how many.

        Raises nothing of MLflow's. What it does not take keeps nothing else back, and is tried again for a week.
        """
        deadline = time.monotonic() + seconds
        table = model_evaluations.c
        query = (
            select(model_evaluations)
            .where(table.status == EvaluationStatus.SUCCEEDED, table.logged_at.is_(None))
            .where(table.model_version != "")
            .where(table.finished_at > func.now() - _TRIED)
            .order_by(table.created_at)
        )
        with self._store.begin() as connection:
            due = [Evaluation.model_validate(dict(row)) for row in connection.execute(query).mappings()]
        told = 0
        for each in due:
            if time.monotonic() > deadline:
                break
            try:
                self._tell(each)
            except Exception as error:  # noqa: BLE001 - of MLflow, of its database or of the workspace, in any class
                _log.warning("the metrics of %s could not be logged to MLflow: %s", each.id, describe(error))
                continue
            statement = update(model_evaluations).where(table.id == each.id).values(logged_at=func.clock_timestamp())
            with self._store.begin() as connection:
                connection.execute(statement)
            told += 1
        return told

    def _tell(self, evaluation: Evaluation) -> None:
        run_id = self._store.get(evaluation.job_id).handles.mlflow_run_id
        if run_id is not None:
            self._tracking.log_points(run_id, list(points(evaluation)))
        tags = {f"{_TAG}.{evaluation.suite_name}": summary(evaluation)}
        self._tracking.tag_version(evaluation.model_name, evaluation.model_version, tags)


def points(evaluation: Evaluation) -> Iterator[MetricPoint]:
    """Each figure of the version over all pairs, with the ends of its interval, at the time of the evaluation.

    Their names are `evaluation/<suite>/<metric>`, and with `_lower` or `_upper`.
    """
    at = (evaluation.finished_at or evaluation.created_at).timestamp()
    for each in _means(evaluation):
        for end, value in (("", each.estimate), ("_lower", each.lower), ("_upper", each.upper)):
            if value is not None:
                name = f"evaluation/{evaluation.suite_name}/{each.metric}{end}"
                yield MetricPoint(name=name, step=0, value=value, time=at)


def summary(evaluation: Evaluation) -> str:
    """The figures of the version over all pairs in a line, and the evaluation that they are of."""
    said = [
        f"{each.metric} {each.estimate:.4g} ({interval(each.lower, each.upper)}, {each.n} pairs)"
        for each in _means(evaluation)
    ]
    return f"{evaluation.id}: {'; '.join(said)}"


def _means(evaluation: Evaluation) -> list[StoredFigure]:
    return [
        each for each in evaluation.figures or () if each.model == "tuned" and each.over is None and each.of is None
    ]
