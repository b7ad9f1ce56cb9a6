"""The audit export: everything on record of a job or a model version, as one archive."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter

from training_pipeline.api.deps import client_for
from training_pipeline.api.downloads import Archive
from training_pipeline.api.parameters import JobId
from training_pipeline.api.routes.model_versions import Name, Version
from training_pipeline.client.audit.archive import MEDIA_TYPE
from training_pipeline.client.local import LocalClient

router = APIRouter()

_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "A ZIP archive of JSON, CSV and Parquet files, with a README and `SHA256SUMS`.",
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get(
    "/jobs/{job_id}/audit",
    operation_id="auditTrainingJob",
    status_code=200,
    response_class=Archive,
    responses=_RESPONSES,
    tags=["training jobs"],
)
def audit_training_job(client: Annotated[LocalClient, client_for(LocalClient.audit_job)], job_id: JobId) -> Archive:
    """Everything on record of a job in any state, and of the model version it registered. No text of a pair."""
    return Archive(client.audit_job(job_id), job_id)


@router.get(
    "/model-versions/{name}/{version}/audit",
    operation_id="auditModelVersion",
    status_code=200,
    response_class=Archive,
    responses=_RESPONSES,
    tags=["model versions"],
)
def audit_model_version(
    client: Annotated[LocalClient, client_for(LocalClient.audit_model_version)], name: Name, version: Version
) -> Archive:
    """Everything on record of a model version, of its job and its ancestors. No text of a pair."""
    return Archive(client.audit_model_version(name, version), f"{name}-{version}")
