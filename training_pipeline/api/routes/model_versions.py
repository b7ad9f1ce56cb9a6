"""Registered model versions: list, get, verify, retrain, and where they are served."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query

from training_pipeline.api.deps import client_for
from training_pipeline.api.downloads import ModelFileBytes
from training_pipeline.api.parameters import Cursor, PageNumber, PageRows
from training_pipeline.client.local import LocalClient
from training_pipeline.domain.model_version import VersionState
from training_pipeline.schemas.model_version import (
    ModelEndpoints,
    ModelVersionDetails,
    ModelVersionPage,
    ModelVersionVerification,
)
from training_pipeline.schemas.requests import ServingEndpoint
from training_pipeline.schemas.training_job import TrainingJob

router = APIRouter(tags=["model versions"])

_TEXT: Final = r"^[^\x00-\x1f\x7f]{1,800}$"
_ONE: Final = "/model-versions/{name}/{version}"
Name = Annotated[
    str, Path(pattern=_TEXT, description="The model, by its full name; it may have dots.", examples=["triage-model"])
]
Version = Annotated[str, Path(pattern=_TEXT, description="The version.", examples=["2"])]

_FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The bytes of the file.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    },
    404: {},
    409: {},
}


@router.get("/model-versions", operation_id="listModelVersions")
def list_model_versions(
    client: Annotated[LocalClient, client_for(LocalClient.model_versions)],
    name: Annotated[
        str | None, Query(pattern=_TEXT, description="Filter: full name of the model.", examples=["triage-model"])
    ] = None,
    alias: Annotated[
        str | None, Query(pattern=_TEXT, description="Filter: an alias that points to it now.", examples=["champion"])
    ] = None,
    state: Annotated[VersionState | None, Query(description="Filter: state.")] = None,
    sheet: Annotated[
        str | None, Query(pattern=_TEXT, description="Filter: training sheet or source sheet.", examples=["sheet-123"])
    ] = None,
    page: PageNumber = None,
    page_size: PageRows = 50,
    cursor: Cursor = None,
) -> ModelVersionPage:
    """List the model versions that training jobs registered, newest first."""
    return client.model_versions(
        name=name, alias=alias, state=state, sheet=sheet, page=page, page_size=page_size, cursor=cursor
    )


@router.get(_ONE, operation_id="getModelVersion", responses={404: {}})
def get_model_version(
    client: Annotated[LocalClient, client_for(LocalClient.model_version)], name: Name, version: Version
) -> ModelVersionDetails:
    """Get a model version: what it was trained on, who allowed it, where it comes from and is used, and its files."""
    return client.model_version(name, version)


@router.post(f"{_ONE}/verify", operation_id="verifyModelVersion", responses={404: {}})
def verify_model_version(
    client: Annotated[LocalClient, client_for(LocalClient.verify_model_version)], name: Name, version: Version
) -> ModelVersionVerification:
    """Check now whether a model version is still clean: its rows, its files and its records. Changes nothing."""
    return client.verify_model_version(name, version)


@router.post(f"{_ONE}/retrain", operation_id="retrainModelVersion", responses={404: {}, 409: {}})
def retrain_model_version(
    client: Annotated[LocalClient, client_for(LocalClient.retrain)], name: Name, version: Version
) -> TrainingJob:
    """Launch the proposed retrain of a tainted model version, without the withdrawn rows.

    A repeated request returns the same job, unless that failed, was cancelled, or is tainted itself.
    """
    return client.retrain(name, version)


@router.get(
    f"{_ONE}/files/{{path:path}}",
    operation_id="downloadModelFile",
    status_code=200,
    response_class=ModelFileBytes,
    responses=_FILE,
)
def download_model_file(
    client: Annotated[LocalClient, client_for(LocalClient.download_model_file)],
    name: Name,
    version: Version,
    path: Annotated[
        str, Path(pattern=_TEXT, description="The file, by its path on record.", examples=["model.safetensors"])
    ],
) -> ModelFileBytes:
    """Download a file of a model version, as registered.

    Refused for a withdrawn version, and for a tainted one unless the risk was accepted. The download is an event of the
    version's training job.
    """
    return ModelFileBytes(client.download_model_file(name, version, path))


@router.post(f"{_ONE}/endpoints", operation_id="addModelEndpoint", responses={404: {}})
def add_model_endpoint(
    client: Annotated[LocalClient, client_for(LocalClient.add_endpoint)],
    name: Name,
    version: Version,
    body: ServingEndpoint,
) -> ModelEndpoints:
    """Record that an endpoint serves a model version. Idempotent."""
    return client.add_endpoint(name, version, url=body.url)


@router.delete(f"{_ONE}/endpoints", operation_id="removeModelEndpoint", responses={404: {}})
def remove_model_endpoint(
    client: Annotated[LocalClient, client_for(LocalClient.remove_endpoint)],
    name: Name,
    version: Version,
    url: Annotated[
        str, Query(max_length=2000, description="The endpoint.", examples=["https://models.example.org/triage"])
    ],
) -> ModelEndpoints:
    """Record that an endpoint no longer serves a model version. The earlier record stays."""
    return client.remove_endpoint(name, version, url=url)
