"""Evaluation suites."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query, Request, Response

from training_pipeline.api.deps import client_for
from training_pipeline.client.local import LocalClient
from training_pipeline.domain import job_id as ids
from training_pipeline.models.evaluation.subsets import NAME
from training_pipeline.schemas.suite import JOB, CreateSuite, Suite, SuiteCheck, Suites

router = APIRouter(tags=["evaluation suites"])

SuiteName = Annotated[str, Path(pattern=NAME, description="Name of the suite.", examples=["triage-2026-11"])]
LOCATION: dict[str, Any] = {
    "Location": {"description": "Path of the suite.", "schema": {"type": "string", "examples": ["/api/v1/…"]}}
}


@router.post(
    "/suites",
    operation_id="createSuite",
    status_code=201,
    response_model=Suite,
    responses={201: {"description": "The suite.", "headers": LOCATION}, 404: {}, 409: {}},
)
def create_suite(
    request: Request,
    client: Annotated[LocalClient, client_for(LocalClient.create_suite)],
    body: Annotated[CreateSuite, Body(strict=False)],
) -> Response:
    """Make an evaluation suite of all pairs of some training sheets that may be evaluated on. Idempotent."""
    suite = client.create_suite(body)
    headers = {"Location": str(request.app.url_path_for("get_suite", name=suite.name))}
    return Response(suite.model_dump_json(), 201, headers=headers, media_type="application/json")


@router.get("/suites", operation_id="listSuites")
def list_suites(client: Annotated[LocalClient, client_for(LocalClient.suites)]) -> Suites:
    """List all evaluation suites."""
    return client.suites()


@router.get("/suites/{name}", operation_id="getSuite")
def get_suite(client: Annotated[LocalClient, client_for(LocalClient.suite)], name: SuiteName) -> Suite:
    """Get an evaluation suite."""
    return client.suite(name)


@router.get("/suites/{name}/check", operation_id="checkSuite")
def check_suite(
    client: Annotated[LocalClient, client_for(LocalClient.check_suite)],
    name: SuiteName,
    job_id: Annotated[str, Query(pattern=ids.PATTERN, description="The job that trained the model.", examples=[JOB])],
) -> SuiteCheck:
    """Compare a suite with what the model of a job, and every model it comes from, was trained and validated on."""
    return client.check_suite(name, job_id)
