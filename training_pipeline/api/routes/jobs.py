"""Training jobs: create, list, get, poll, cancel, finish, retry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Body, Query, Request, Response
from pydantic import StringConstraints

from training_pipeline.api.deps import client_for
from training_pipeline.api.parameters import Cursor, IdempotencyKey, JobId, PageNumber, PageRows
from training_pipeline.api.turns import Turns, repeated
from training_pipeline.client.jobs.base import Created
from training_pipeline.client.local import LocalClient
from training_pipeline.domain.annotations import MOST_TAGS
from training_pipeline.domain.job import JobStatus
from training_pipeline.schemas.paging import MOST_ROWS
from training_pipeline.schemas.requests import (
    CancelTrainingJob,
    CreateTrainingJob,
    RetryTrainingJob,
    UpdateTrainingJob,
)
from training_pipeline.schemas.training_job import ActiveTrainingJobs, TrainingJob, TrainingJobPage
from training_pipeline.schemas.training_sheet import DryRun
from training_pipeline.training_jobs.store.idempotency import body_hash
from training_pipeline.training_jobs.store.queries import JobSort

router = APIRouter(tags=["training jobs"])

NAME = r"^[^\x00-\x1f\x7f]{1,128}$"
SEARCH = "Filter: text in the id, model, base model, training sheet or creator; case-insensitive."
Tag = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,128}$")]
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
async def create_training_job(
    request: Request,
    client: Annotated[LocalClient, client_for(LocalClient.create)],
    body: Annotated[CreateTrainingJob, Body(strict=False)],
    dry_run: Annotated[bool, Query(description="Return the plan without creating a job.", examples=[True])] = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Create a training job. All fields are validated at once, and every "auto" is replaced by the value used."""
    if dry_run:
        plan = await to_thread.run_sync(client.plan, body)
        return Response(plan.model_dump_json(), media_type="application/json")
    asked = body_hash("create", body.model_dump(mode="json", exclude_unset=True))
    return await _created(
        request, client, idempotency_key, asked, lambda: client.create(body, idempotency_key=idempotency_key)
    )


@router.get("/jobs", operation_id="listTrainingJobs")
def list_training_jobs(
    client: Annotated[LocalClient, client_for(LocalClient.list)],
    training_sheet_id: Annotated[
        str | None, Query(pattern=NAME, description="Filter: id of the training sheet.")
    ] = None,
    status: Annotated[list[JobStatus] | None, Query(description="Filter: statuses.")] = None,
    created_by: Annotated[str | None, Query(pattern=NAME, description="Filter: creator.")] = None,
    search: Annotated[str | None, Query(pattern=NAME, description=SEARCH, examples=["triage"])] = None,
    tainted: Annotated[
        bool, Query(description="Filter: only jobs whose model is tainted by a revocation.", examples=[True])
    ] = False,
    tag: Annotated[
        list[Tag] | None,
        Query(
            max_length=MOST_TAGS, description="Filter: tags, each of which the job must have.", examples=[["baseline"]]
        ),
    ] = None,
    sort: Annotated[JobSort, Query(description=SORT)] = JobSort.CREATED_AT,
    descending: Annotated[bool, Query(description="Descending order.")] = True,
    page: PageNumber = None,
    page_size: PageRows = 50,
    cursor: Cursor = None,
) -> TrainingJobPage:
    """List training jobs, newest first by default."""
    return client.list(
        statuses=status or (),
        training_sheet_id=training_sheet_id,
        created_by=created_by,
        search=search,
        tainted=tainted,
        tags=tag or (),
        sort=sort,
        descending=descending,
        page=page,
        page_size=page_size,
        cursor=cursor,
    )


@router.get("/active", operation_id="getActiveTrainingJobs")
def get_active_training_jobs(
    client: Annotated[LocalClient, client_for(LocalClient.active)],
    page_size: Annotated[
        int | None,
        Query(
            ge=1,
            le=MOST_ROWS,
            description="Maximum number of rows per page. Default: all; 50 with a cursor.",
            examples=[50],
        ),
    ] = None,
    cursor: Cursor = None,
) -> ActiveTrainingJobs:
    """List all pending, queued or running jobs, newest first."""
    return client.active(page_size=page_size, cursor=cursor)


@router.get("/jobs/{job_id}", operation_id="getTrainingJob")
def get_training_job(client: Annotated[LocalClient, client_for(LocalClient.get)], job_id: JobId) -> TrainingJob:
    """Get one training job."""
    return client.get(job_id)


@router.post("/jobs/{job_id}/poll", operation_id="pollTrainingJob")
async def poll_training_job(
    request: Request, client: Annotated[LocalClient, client_for(LocalClient.poll)], job_id: JobId
) -> TrainingJob:
    """Poll the backend now and return the updated job. Simultaneous requests share one poll."""
    asking = client.caller
    polled: TrainingJob = await request.app.state.polls.run(
        f"{job_id} {asking.role} {asking.name}", lambda: client.poll(job_id)
    )
    return polled


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
    client: Annotated[LocalClient, client_for(LocalClient.cancel)],
    job_id: JobId,
    body: Annotated[CancelTrainingJob | None, Body(strict=False)] = None,
) -> TrainingJob:
    """Cancel a training job. Idempotent; 409 if the job has ended in another way."""
    job = client.cancel(job_id, reason=(body or CancelTrainingJob.model_validate({})).reason)
    response.status_code = 200 if job.status is JobStatus.CANCELLED else 202
    return job


@router.patch("/jobs/{job_id}", operation_id="updateTrainingJob")
def update_training_job(
    client: Annotated[LocalClient, client_for(LocalClient.annotate)],
    job_id: JobId,
    body: Annotated[UpdateTrainingJob, Body(strict=False)],
) -> TrainingJob:
    """Replace the note or the tags of a training job in any status, or add and remove tags. Idempotent.

    Its events keep what was there.
    """
    return client.annotate(job_id, **body.model_dump())


@router.post("/jobs/{job_id}/finish", operation_id="finishTrainingJob", responses={409: {}})
def finish_training_job(client: Annotated[LocalClient, client_for(LocalClient.finish)], job_id: JobId) -> TrainingJob:
    """Finish now a job that was trained but not registered. Idempotent; 409 if it is not trained or has ended."""
    return client.finish(job_id)


@router.post(
    "/jobs/{job_id}/retry",
    operation_id="retryTrainingJob",
    status_code=201,
    response_model=TrainingJob,
    responses={201: {"description": "The new job; `retry_of` is the job it retries.", "headers": LOCATION}, 409: {}},
)
async def retry_training_job(
    request: Request,
    client: Annotated[LocalClient, client_for(LocalClient.retry)],
    job_id: JobId,
    body: Annotated[RetryTrainingJob | None, Body(strict=False)] = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Create a new job from one that failed, was cancelled or timed out, with optional changes."""
    changes = {} if body is None else body.training_config.model_dump(exclude_unset=True)
    asked = body_hash(f"retry {job_id}", changes)
    return await _created(
        request,
        client,
        idempotency_key,
        asked,
        lambda: client.retry(job_id, changes=changes, idempotency_key=idempotency_key),
    )


async def _created(
    request: Request, client: LocalClient, key: str | None, asked: str, create: Callable[[], Created]
) -> Response:
    """201 with the new job, or with the one that the same request made before or is about to make."""
    turns: Turns[Created] = request.app.state.creates
    created, joined = await turns.take(create, key=repeated(client.caller, key, asked))
    path = request.app.url_path_for("get_training_job", job_id=created.job.id)
    headers = {"Location": str(path), **({"Idempotent-Replayed": "true"} if created.replayed or joined else {})}
    return Response(created.job.model_dump_json(), 201, headers=headers, media_type="application/json")
