"""What may no longer be trained on, and the models that learned from it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query, Request, Response

from training_pipeline.api.deps import client_for
from training_pipeline.api.parameters import Cursor, PageNumber, PageRows
from training_pipeline.client.local import LocalClient
from training_pipeline.domain import job_id as ids
from training_pipeline.domain.revocations import ID_PATTERN
from training_pipeline.schemas.revocation import RevocationDetails, RevocationPage, RevocationPreview, Revoke

router = APIRouter(tags=["revocations"])

LOCATION: dict[str, Any] = {
    "Location": {"description": "Path of the revocation.", "schema": {"type": "string", "examples": ["/api/v1/…"]}}
}


@router.post(
    "/revocations",
    operation_id="revoke",
    status_code=201,
    response_model=RevocationDetails,
    responses={
        200: {"model": RevocationPreview, "description": "With `dry_run`: what it would taint. Nothing was stored."},
        201: {"description": "The revocation, and everything that it taints.", "headers": LOCATION},
    },
)
def revoke(
    request: Request,
    client: Annotated[LocalClient, client_for(LocalClient.revoke)],
    body: Annotated[Revoke, Body(strict=False)],
    dry_run: Annotated[
        bool, Query(description="Return what it would taint without storing anything.", examples=[True])
    ] = False,
) -> Response:
    """Revoke a pair, an item, a canonical label or an example. Idempotent."""
    if dry_run:
        return Response(client.preview_revocation(body).model_dump_json(), media_type="application/json")
    made = client.revoke(body)
    headers = {"Location": f"{request.url.path}/{made.id}"}
    return Response(made.model_dump_json(), 201, headers, media_type="application/json")


@router.get("/revocations", operation_id="listRevocations")
def list_revocations(
    client: Annotated[LocalClient, client_for(LocalClient.revocations)],
    job_id: Annotated[
        str | None, Query(pattern=ids.PATTERN, description="Filter: those that taint the model of this job.")
    ] = None,
    page: PageNumber = None,
    page_size: PageRows = 50,
    cursor: Cursor = None,
) -> RevocationPage:
    """List revocations, newest first."""
    return client.revocations(job_id=job_id, page=page, page_size=page_size, cursor=cursor)


@router.get("/revocations/{revocation_id}", operation_id="getRevocation", responses={404: {}})
def get_revocation(
    client: Annotated[LocalClient, client_for(LocalClient.revocation)],
    revocation_id: Annotated[
        str, Path(pattern=ID_PATTERN, description="Id of the revocation.", examples=["rv-20261123-072145-9f3a2c"])
    ],
) -> RevocationDetails:
    """Get a revocation with every model that it taints."""
    return client.revocation(revocation_id)
