"""External metadata and external lineage of Unity Catalog."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from training_pipeline.testing.databricks_workspace.state import ApiError, Workspace, bad_request, not_found
from training_pipeline.testing.databricks_workspace.tables import tables

_ROOT: Final = "/api/2.0/lineage-tracking"
_KINDS: Final = ("table", "model_version", "path", "external_metadata")


@dataclass
class Lineage:
    """External metadata by name, and relationships by id."""

    metadata: dict[str, dict[str, Any]] = field(default_factory=dict)
    relationships: dict[str, dict[str, Any]] = field(default_factory=dict)

    def edges(self) -> set[tuple[str, str]]:
        """Source and target of every relationship, each as `kind:name`."""
        return {(_shown(each["source"]), _shown(each["target"])) for each in self.relationships.values()}


def lineage(workspace: Workspace) -> Lineage:
    """The state of this part."""
    part = workspace.parts.setdefault("lineage", Lineage())
    assert isinstance(part, Lineage)
    return part


def _shown(end: dict[str, Any]) -> str:
    (kind,) = end
    return f"{kind}:{'@'.join(str(value) for value in end[kind].values())}"


def routes(workspace: Workspace) -> list[Route]:
    """What the SDK writes and reads."""
    part = lineage(workspace)

    async def create_metadata(request: Request) -> JSONResponse:
        body = await request.json()
        workspace.require("Metastore", "metastore", "CREATE EXTERNAL METADATA")
        for needed in ("name", "system_type", "entity_type"):
            if not body.get(needed):
                raise bad_request(f"{needed} is required.")
        if body["name"] in part.metadata:
            raise ApiError(409, "ALREADY_EXISTS", f"External metadata '{body['name']}' already exists.")
        part.metadata[body["name"]] = {**body, "id": str(uuid.uuid4())}
        return JSONResponse(part.metadata[body["name"]])

    def get_metadata(request: Request) -> JSONResponse:
        return JSONResponse(_found(request))

    async def update_metadata(request: Request) -> JSONResponse:
        body, found = await request.json(), _found(request)
        for name in request.query_params.get("update_mask", "").split(","):
            if name in body:
                found[name] = body[name]
        return JSONResponse(found)

    async def create_relationship(request: Request) -> JSONResponse:
        body = await request.json()
        ends = [body.get("source") or {}, body.get("target") or {}]
        if any(len(end) != 1 or next(iter(end)) not in _KINDS for end in ends):
            raise bad_request("Exactly one object is needed at each end.")
        if not any("external_metadata" in end for end in ends):
            raise bad_request("One end must be an external metadata object.")
        for end in ends:
            if "external_metadata" in end and end["external_metadata"]["name"] not in part.metadata:
                raise not_found(f"External metadata '{end['external_metadata']['name']}' does not exist.")
            if "table" in end:
                tables(workspace).get(end["table"]["name"])
        if any((each["source"], each["target"]) == tuple(ends) for each in part.relationships.values()):
            raise ApiError(409, "ALREADY_EXISTS", "The relationship already exists.")
        made = {**body, "id": str(uuid.uuid4())}
        part.relationships[made["id"]] = made
        return JSONResponse(made)

    def _found(request: Request) -> dict[str, Any]:
        name = request.path_params["name"]
        if name not in part.metadata:
            raise not_found(f"External metadata '{name}' does not exist.")
        return part.metadata[name]

    one = f"{_ROOT}/external-metadata/{{name}}"
    return [
        Route(f"{_ROOT}/external-metadata", create_metadata, methods=["POST"], name="external-metadata-create"),
        Route(one, get_metadata, methods=["GET"], name="external-metadata-get"),
        Route(one, update_metadata, methods=["PATCH"], name="external-metadata-update"),
        Route(f"{_ROOT}/external-lineage", create_relationship, methods=["POST"], name="external-lineage-create"),
    ]
