"""Whether anything is under way that a sensor would carry on: a training job, an evaluation or a study."""

from __future__ import annotations

from typing import Final

from sqlalchemy import exists, or_, select

from training_pipeline.domain.job import ACTIVE as ACTIVE_JOBS
from training_pipeline.domain.study import LIVE_STUDIES
from training_pipeline.models.evaluation.records import ACTIVE as ACTIVE_EVALUATIONS
from training_pipeline.models.evaluation.tables import model_evaluations
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import training_jobs
from training_pipeline.tuning.tables import studies

_IS_ACTIVE: Final = select(
    or_(
        exists().where(training_jobs.c.status.in_(ACTIVE_JOBS)),
        exists().where(model_evaluations.c.status.in_(ACTIVE_EVALUATIONS)),
        exists().where(studies.c.status.in_(LIVE_STUDIES)),
    )
)


def is_active(store: JobStore) -> bool:
    """Whether any job, evaluation or study has not ended. One query, of indexes; reads only."""
    with store.begin() as connection:
        return bool(connection.execute(_IS_ACTIVE).scalar_one())
