"""Studies."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query, Request, Response
from pydantic import WrapValidator

from training_pipeline.api.deps import client_for
from training_pipeline.api.parameters import Cursor, PageNumber, PageRows
from training_pipeline.client.local import LocalClient
from training_pipeline.domain.study import NAME, StudyStatus
from training_pipeline.schemas.asked_study import as_it_came
from training_pipeline.schemas.study import Studies, StudyDryRun, StudyPage
from training_pipeline.schemas.study_requests import STUDY, CreateStudy, PromoteTrial, StopStudy
from training_pipeline.schemas.training_job import TrainingJob

router = APIRouter(tags=["studies"])

FILTER = r"^[^\x00-\x1f\x7f]{1,128}$"
StudyName = Annotated[str, Path(pattern=NAME, description="Name of the study.", examples=[STUDY])]
LOCATION: dict[str, Any] = {
    "Location": {"description": "Path of what was created.", "schema": {"type": "string", "examples": ["/api/v1/…"]}}
}


@router.post(
    "/studies",
    operation_id="createStudy",
    status_code=201,
    response_model=StudyPage,
    responses={
        200: {"model": StudyDryRun, "description": "With `dry_run`: the plan of a trial in the middle of the space."},
        201: {"description": "The study.", "headers": LOCATION},
        404: {},
        409: {},
    },
)
def create_study(
    request: Request,
    client: Annotated[LocalClient, client_for(LocalClient.create_study)],
    body: Annotated[CreateStudy, Body(strict=False), WrapValidator(as_it_came)],
    dry_run: Annotated[bool, Query(description="Return the plan without creating a study.", examples=[True])] = False,
) -> Response:
    """Create a study: training jobs that search for the configuration with the lowest validation loss. Idempotent.

    Everything is validated at once, and one trial in the middle of the space is planned, as a dry run.
    """
    if dry_run:
        return Response(client.plan_study(body).model_dump_json(), media_type="application/json")
    study = client.create_study(body)
    headers = {"Location": str(request.app.url_path_for("get_study", name=study.name))}
    return Response(study.model_dump_json(), 201, headers=headers, media_type="application/json")


@router.get("/studies", operation_id="listStudies")
def list_studies(
    client: Annotated[LocalClient, client_for(LocalClient.studies)],
    training_sheet_id: Annotated[
        str | None, Query(pattern=FILTER, description="Filter: id of the training sheet.")
    ] = None,
    status: Annotated[list[StudyStatus] | None, Query(description="Filter: statuses.")] = None,
    created_by: Annotated[str | None, Query(pattern=FILTER, description="Filter: creator.")] = None,
    page: PageNumber = None,
    page_size: PageRows = 50,
    cursor: Cursor = None,
) -> Studies:
    """List studies, newest first."""
    return client.studies(
        statuses=status or (),
        training_sheet_id=training_sheet_id,
        created_by=created_by,
        page=page,
        page_size=page_size,
        cursor=cursor,
    )


@router.get("/studies/{name}", operation_id="getStudy")
def get_study(client: Annotated[LocalClient, client_for(LocalClient.study)], name: StudyName) -> StudyPage:
    """Get a study with its trials."""
    return client.study(name)


@router.post("/studies/{name}/stop", operation_id="stopStudy")
def stop_study(
    client: Annotated[LocalClient, client_for(LocalClient.stop_study)],
    name: StudyName,
    body: Annotated[StopStudy | None, Body(strict=False)] = None,
) -> StudyPage:
    """Stop a study: start no more trials, and cancel those that run. Idempotent; one that has ended stays as it is."""
    asked = body or StopStudy.model_validate({})
    return client.stop_study(name, reason=asked.reason, let_finish=asked.let_finish)


@router.post(
    "/studies/{name}/promote",
    operation_id="promoteTrial",
    status_code=201,
    response_model=TrainingJob,
    responses={201: {"description": "The job; the same one again.", "headers": LOCATION}, 409: {}},
)
def promote_trial(
    request: Request,
    client: Annotated[LocalClient, client_for(LocalClient.promote_trial)],
    name: StudyName,
    body: Annotated[PromoteTrial | None, Body(strict=False)] = None,
) -> Response:
    """Train the best configuration of an ended study, or that of a trial, once more, and register the model."""
    job = client.promote_trial(name, trial=None if body is None else body.trial)
    headers = {"Location": str(request.app.url_path_for("get_training_job", job_id=job.id))}
    return Response(job.model_dump_json(), 201, headers=headers, media_type="application/json")
