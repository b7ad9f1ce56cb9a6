"""Whose split a job keeps: chosen when the job is created, and followed back when it is split."""

from __future__ import annotations

from sqlalchemy import select

from training_pipeline.datasets.predecessor import Predecessor
from training_pipeline.domain.errors import FieldProblem, InvalidRequest, NotFound
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.domain.refs import required
from training_pipeline.domain.training_config import JobRequest
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import training_jobs


def chosen_predecessor(store: JobStore, request: JobRequest, *, retry_of: TrainingJob | None = None) -> str | None:
    """The id of the job whose split a new one keeps, None where there is none. Reads only.

    A retry keeps what the job had that it retries. Otherwise it is the one that is named, or the last succeeded job of
    the same training sheet and model name. Raises `InvalidRequest` for a name that cannot be followed.
    """
    if retry_of is not None:
        return retry_of.request.split_predecessor
    if request.split_predecessor is not None:
        return _named(store, request.split_predecessor, fresh=request.fresh_split)
    return None if request.fresh_split else last_succeeded(store, request.training_sheet_id, request.model_name)


def last_succeeded(store: JobStore, training_sheet_id: str, model_name: str) -> str | None:
    """The id of the last succeeded job of a training sheet and model name. Reads only."""
    table = training_jobs.c
    query = (
        select(table.id)
        .where(
            table.training_sheet_id == training_sheet_id,
            table.model_name == model_name,
            table.status == JobStatus.SUCCEEDED,
            table.dataset_digest.is_not(None),
        )
        .order_by(table.completed_at.desc(), table.id.desc())
        .limit(1)
    )
    with store.begin() as connection:
        found: str | None = connection.execute(query).scalar_one_or_none()
    return found


def followed(store: JobStore, job_id: str | None) -> Predecessor | None:
    """The datasets of a job and of those it follows, its own first; None for None. Reads only.

    Raises `Unavailable` where the record of one cannot be read.
    """
    datasets = []
    at = job_id
    while at is not None:
        job = store.get(at)
        datasets.append(required(job.data.dataset, "dataset"))
        at = job.request.split_predecessor
    return None if job_id is None else Predecessor(job_id, tuple(datasets))


def _named(store: JobStore, job_id: str, *, fresh: bool) -> str:
    problem = "contradicts fresh_split: name a job, or ask for a fresh split" if fresh else None
    try:
        job = store.get(job_id)
    except NotFound:
        problem = problem or f"there is no training job {job_id!r}"
    else:
        if job.status is not JobStatus.SUCCEEDED:
            problem = problem or f"training job {job_id!r} is {job.status}; only the split of a succeeded one is kept"
    if problem is not None:
        raise InvalidRequest(
            "The training job cannot be created.",
            problems=(FieldProblem(pointer="/split_predecessor", code="split_predecessor", message=problem),),
        )
    return job_id
