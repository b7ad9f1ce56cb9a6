"""Training jobs: create, list, get, poll, cancel, retry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Request, Response

from training_pipeline.api.deps import JobId, Jobs, Operator, Parts, Places, Viewer
from training_pipeline.app.container import Services
from training_pipeline.client.idempotent import created_once
from training_pipeline.domain import job as domain
from training_pipeline.domain.access import Caller
from training_pipeline.schemas import paging
from training_pipeline.schemas.requests import CancelTrainingJob, CreateTrainingJob, RetryTrainingJob
from training_pipeline.schemas.training_job import ActiveTrainingJobs, TrainingJob, TrainingJobPage
from training_pipeline.schemas.training_sheet import DryRun
from training_pipeline.training_jobs.lifecycle.service import Also
from training_pipeline.training_jobs.store import idempotency
from training_pipeline.training_jobs.store.queries import JobSort

router = APIRouter(tags=["training jobs"])

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[!-~]{1,255}$",
        description="The same key with the same body gets the first answer again, for 24 hours at least.",
        examples=["3f0c8f7e-2c55-4b6f-9d1e-0a4f7a3b9c11"],
    ),
]
NAME = r"^[^\x00-\x1f\x7f]{1,128}$"
SEARCH = "Filter: text in the id, model, base model, training sheet or creator; case-insensitive."
SORT = "Field to order by; jobs without a value come last."
LOCATION: dict[str, Any] = {
    "Location": {"description": "Path of the new job.", "schema": {"type": "string", "examples": ["/api/v1/…"]}}
}


@router.post(
    "/jobs",
    operation_id="createTrainingJob",
    status_code=201,
    response_model=TrainingJob,
    responses={
        200: {"model": DryRun, "description": "With `dry_run`: the plan of the job. Nothing was stored."},
        201: {"description": "The job, stored as pending.", "headers": LOCATION},
        404: {},
        409: {},
    },
)
def create_training_job(
    request: Request,
    services: Parts,
    jobs: Jobs,
    caller: Operator,
    body: Annotated[CreateTrainingJob, Body(strict=False)],
    dry_run: Annotated[bool, Query(description="Return the plan without creating a job.", examples=[True])] = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Create a training job. All fields are validated at once, and every "auto" is replaced by the value used."""
    if dry_run:
        return Response(DryRun.of(jobs.plan(body)).model_dump_json(), media_type="application/json")
    asked = idempotency.body_hash("create", body.model_dump(mode="json", exclude_unset=True))
    return _created(
        request,
        services,
        caller,
        idempotency_key,
        asked,
        lambda also: jobs.create(body, also=also),
    )


@router.get("/jobs", operation_id="listTrainingJobs")
def list_training_jobs(
    jobs: Jobs,
    caller: Viewer,
    at: Places,
    training_sheet_id: Annotated[
        str | None, Query(pattern=NAME, description="Filter: id of the training sheet.")
    ] = None,
    status: Annotated[list[domain.JobStatus] | None, Query(description="Filter: statuses.")] = None,
    created_by: Annotated[str | None, Query(pattern=NAME, description="Filter: creator.")] = None,
    search: Annotated[str | None, Query(pattern=NAME, description=SEARCH, examples=["triage"])] = None,
    sort: Annotated[JobSort, Query(description=SORT)] = JobSort.CREATED_AT,
    descending: Annotated[bool, Query(description="Descending order.")] = True,
    page: paging.PageNumber = None,
    page_size: paging.PageRows = 50,
    cursor: paging.Cursor = None,
) -> TrainingJobPage:
    """List training jobs, newest first by default."""
    newest_first = (sort, descending) == (JobSort.CREATED_AT, True)
    if cursor is not None and not newest_first:
        raise paging.bad_query("cursor", "cursor_and_sort", "A cursor requires the default order; use page instead")
    number = paging.page_number(page, cursor)
    place = None if cursor is None else paging.decode(paging.JobPosition, cursor)
    found, total = jobs.list(
        statuses=status or (),
        training_sheet_id=training_sheet_id,
        created_by=created_by,
        search=search,
        sort=sort,
        descending=descending,
        limit=page_size + 1,
        offset=0 if place else (number - 1) * page_size,
        after=None if place is None else (place.created_at, place.id),
    )
    shown, more = found[:page_size], len(found) > page_size
    last = paging.JobPosition(created_at=shown[-1].created_at, id=shown[-1].id) if more and newest_first else None
    return TrainingJobPage(
        jobs=[TrainingJob.of(job, caller, at) for job in shown],
        total=total,
        page=None if place else number,
        page_size=page_size,
        next_cursor=None if last is None else paging.encode(last),
    )


@router.get("/active", operation_id="getActiveTrainingJobs")
def get_active_training_jobs(jobs: Jobs, caller: Viewer, at: Places) -> ActiveTrainingJobs:
    """List all pending, queued or running jobs."""
    found, total = jobs.list(statuses=domain.ACTIVE, limit=None)
    return ActiveTrainingJobs(jobs=[TrainingJob.of(job, caller, at) for job in found], total=total)


@router.get("/jobs/{job_id}", operation_id="getTrainingJob")
def get_training_job(jobs: Jobs, caller: Viewer, at: Places, job_id: JobId) -> TrainingJob:
    """Get one training job."""
    return TrainingJob.of(jobs.get(job_id), caller, at)


@router.post("/jobs/{job_id}/poll", operation_id="pollTrainingJob")
async def poll_training_job(request: Request, jobs: Jobs, caller: Viewer, at: Places, job_id: JobId) -> TrainingJob:
    """Poll the backend now and return the updated job. Simultaneous requests share one poll."""
    job = await request.app.state.polls.run(job_id, lambda: jobs.poll(job_id))
    return TrainingJob.of(job, caller, at)


@router.post(
    "/jobs/{job_id}/cancel",
    operation_id="cancelTrainingJob",
    responses={
        200: {"description": "The job is cancelled."},
        202: {"model": TrainingJob, "description": "The cancel is requested and not yet confirmed by the backend."},
        409: {},
    },
)
def cancel_training_job(
    response: Response,
    jobs: Jobs,
    caller: Operator,
    at: Places,
    job_id: JobId,
    body: Annotated[CancelTrainingJob | None, Body(strict=False)] = None,
) -> TrainingJob:
    """Cancel a training job. Idempotent; 409 if the job has ended in another way."""
    reason = (body or CancelTrainingJob.model_construct(reason="no reason given")).reason
    job = jobs.cancel(job_id, reason=reason)
    response.status_code = 200 if job.status is domain.JobStatus.CANCELLED else 202
    return TrainingJob.of(job, caller, at)


@router.post(
    "/jobs/{job_id}/retry",
    operation_id="retryTrainingJob",
    status_code=201,
    response_model=TrainingJob,
    responses={201: {"description": "The new job; `retry_of` is the job it retries.", "headers": LOCATION}, 409: {}},
)
def retry_training_job(
    request: Request,
    services: Parts,
    jobs: Jobs,
    caller: Operator,
    job_id: JobId,
    body: Annotated[RetryTrainingJob | None, Body(strict=False)] = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Create a new job from one that failed, was cancelled or timed out, with optional changes."""
    changes = {} if body is None else body.training_config.model_dump(exclude_unset=True)
    return _created(
        request,
        services,
        caller,
        idempotency_key,
        idempotency.body_hash(f"retry {job_id}", changes),
        lambda also: jobs.retry(job_id, changes=changes, also=also),
    )


def _created(
    request: Request,
    services: Services,
    caller: Caller,
    key: str | None,
    asked: str,
    create: Callable[[Also | None], domain.TrainingJob],
) -> Response:
    """201 with the new job; with a key, whatever was answered to it first."""
    answer, replayed = created_once(services, caller, key=key, asked=asked, create=create)
    return _answer(request, answer, {"Idempotent-Replayed": "true"} if replayed else None)


def _answer(request: Request, answer: idempotency.Answer, headers: dict[str, str] | None = None) -> Response:
    job_id = TrainingJob.model_validate_json(answer.body).id
    path = request.app.url_path_for("get_training_job", job_id=job_id)
    headers = {"Location": str(path), **(headers or {})}
    return Response(answer.body, answer.status, headers=headers, media_type="application/json")
