"""Training sheets made of files that people send, and their approval."""

from __future__ import annotations

from typing import Annotated, Any, Final

from anyio import to_thread
from fastapi import APIRouter, Body, Query, Request, Response
from pydantic import ValidationError

from training_pipeline.api.deps import CurrentServices, client_for
from training_pipeline.api.multipart import FILE, REQUEST, read_body, refused
from training_pipeline.api.parameters import SheetId
from training_pipeline.client.local import LocalClient
from training_pipeline.schemas.sheet_import import ApproveTrainingSheet, ImportDryRun, ImportTrainingSheet
from training_pipeline.schemas.training_sheet import TrainingSheetDetails
from training_pipeline.schemas.validation import invalid_request
from training_pipeline.uploads.staging import Upload

router = APIRouter(tags=["training sheets"])

LOCATION: Final[dict[str, Any]] = {
    "Location": {
        "description": "Path of the new training sheet.",
        "schema": {"type": "string", "examples": ["/api/v1/…"]},
    }
}
_FILE: Final = {
    "type": "string",
    "format": "binary",
    "description": "A JSONL, JSON, CSV, TSV, Excel or Parquet file; gzip too. Left out with an `upload_id` or `url`.",
}
_BODY: Final = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [REQUEST],
                "additionalProperties": False,
                "properties": {FILE: _FILE, REQUEST: {"$ref": "#/components/schemas/ImportTrainingSheet"}},
            },
            "encoding": {REQUEST: {"contentType": "application/json"}},
        }
    },
}


@router.post(
    "/training-sheets",
    operation_id="createTrainingSheet",
    status_code=201,
    response_model=TrainingSheetDetails,
    responses={
        200: {"model": ImportDryRun, "description": "With `dry_run`: what the upload would become."},
        201: {"description": "The training sheet.", "headers": LOCATION},
        404: {},
        409: {},
    },
    openapi_extra={"requestBody": _BODY},
)
async def create_training_sheet(
    request: Request,
    services: CurrentServices,
    client: Annotated[LocalClient, client_for(LocalClient.import_upload)],
    dry_run: Annotated[
        bool, Query(description="Return what the upload would become, and keep it for an hour.", examples=[True])
    ] = False,
) -> Response:
    """Make a training sheet of a file, uploaded or in a bucket. It is in review until a steward approves it."""
    uploads = services.imports.uploads
    with uploads.turn(client.caller.name):
        body = await read_body(request, client, seconds=uploads.limits.seconds)
    new, keeps = body.upload, False
    try:
        asked = _asked(body.request)
        upload = await to_thread.run_sync(_upload_of, client, body.upload, asked)
        new = upload if asked.url is not None else new
        if dry_run:
            found = await to_thread.run_sync(client.look_at_upload, upload, asked)
            keeps = True
            return Response(found.model_dump_json(), media_type="application/json")
        made = await to_thread.run_sync(client.import_upload, upload, asked)
    finally:
        if new is not None and not keeps:
            uploads.delete(new)  # at once, even where the request was given up
    headers = {"Location": str(request.app.url_path_for("get_training_sheet", training_sheet_id=made.id))}
    return Response(made.model_dump_json(), 201, headers=headers, media_type="application/json")


@router.post(
    "/training-sheets/{training_sheet_id}/approve",
    operation_id="approveTrainingSheet",
    responses={404: {}, 409: {}},
)
def approve_training_sheet(
    client: Annotated[LocalClient, client_for(LocalClient.approve_sheet)],
    training_sheet_id: SheetId,
    body: Annotated[ApproveTrainingSheet, Body(strict=False)],
) -> TrainingSheetDetails:
    """Approve a training sheet that was imported, as the version that was looked at."""
    return client.approve_sheet(training_sheet_id, body)


def _asked(content: bytes | None) -> ImportTrainingSheet:
    if content is None:
        raise refused(f"/{REQUEST}", "missing", "is missing: a part with JSON")
    try:
        return ImportTrainingSheet.model_validate_json(content)
    except ValidationError as error:
        raise invalid_request(error.errors(include_url=False)) from None


def _upload_of(client: LocalClient, received: Upload | None, asked: ImportTrainingSheet) -> Upload:
    given = [one for one in (received, asked.upload_id, asked.url) if one is not None]
    if len(given) != 1:
        raise refused(f"/{FILE}", "twice" if given else "missing", "give one of a file, an upload_id and a url")
    if asked.url is not None:
        return client.fetch_upload(asked.url, version=asked.table_version)
    return received if received is not None else client.upload(str(asked.upload_id))
