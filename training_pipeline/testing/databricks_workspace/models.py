"""Registered models and their versions in Unity Catalog: what the SDK reads, and what the MLflow client writes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from training_pipeline.testing.databricks_workspace.state import ApiError, Workspace, bad_request, not_found

_MLFLOW: Final = "/api/2.0/mlflow/unity-catalog/"
_CATALOG: Final = "/api/2.1/unity-catalog/models"


@dataclass
class Version:
    """One version of a registered model; its files are in `/Models/<catalog>/<schema>/<model>/<version>`."""

    name: str
    version: int
    source: str
    run_id: str | None
    description: str
    tags: dict[str, str]
    status: str = "PENDING_REGISTRATION"
    created_at: int = field(default_factory=lambda: int(time.time() * 1000))


@dataclass
class Registry:
    """Registered models by full name; `schemas` are those that exist, all where null."""

    models: dict[str, list[Version]] = field(default_factory=dict)
    #: Of models by full name: alias and version.
    aliases: dict[str, dict[str, int]] = field(default_factory=dict)
    schemas: set[str] | None = None
    owners: dict[str, str] = field(default_factory=dict)
    #: Who has been granted CREATE MODEL VERSION, by model.
    writers: dict[str, list[str]] = field(default_factory=dict)
    #: What was granted on models: name, principal and privilege.
    granted: set[tuple[str, str, str]] = field(default_factory=set)


def registry(workspace: Workspace) -> Registry:
    """The state of this part."""
    part = workspace.parts.setdefault("models", Registry())
    assert isinstance(part, Registry)
    return part


def routes(workspace: Workspace) -> list[Route]:
    """The registry as the MLflow client writes it and as the SDK reads it."""
    return [*_written_by_mlflow(workspace), *_read_by_the_sdk(workspace)]


def _model(workspace: Workspace, name: str) -> list[Version]:
    if name.count(".") != 2:
        raise bad_request(f"'{name}' is not a valid name: three levels were expected, <catalog>.<schema>.<model>.")
    models = registry(workspace).models
    if name not in models:
        raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Routine or Model '{name}' does not exist.")
    return models[name]


def _version(workspace: Workspace, name: str, version: str) -> Version:
    found = next((each for each in _model(workspace, name) if str(each.version) == version), None)
    if found is None:
        raise not_found(f"Model version '{version}' of '{name}' does not exist.")
    return found


def _for_mlflow(version: Version) -> dict[str, Any]:
    return {
        "name": version.name,
        "version": str(version.version),
        "creation_timestamp": version.created_at,
        "last_updated_timestamp": version.created_at,
        "description": version.description,
        "source": version.source,
        "run_id": version.run_id or "",
        "status": {"PENDING_REGISTRATION": "PENDING_REGISTRATION", "READY": "READY"}[version.status],
        "tags": [{"key": key, "value": value} for key, value in version.tags.items()],
        "storage_location": f"models/{version.name}/{version.version}",
    }


def _written_by_mlflow(workspace: Workspace) -> list[Route]:
    async def by_sdk(request: Request) -> JSONResponse:
        del request
        return JSONResponse({"is_databricks_sdk_models_artifact_repository_enabled": True})

    async def create_model(request: Request) -> JSONResponse:
        body = await request.json()
        name = body["name"]
        if name.count(".") != 2:
            raise bad_request(f"'{name}' is not a valid name.")
        schema = name.rpartition(".")[0]
        known = registry(workspace)
        if known.schemas is not None and schema not in known.schemas:
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Schema '{schema}' does not exist.")
        workspace.require("Schema", schema, "CREATE MODEL")
        if name in known.models:
            message = f"Function, Table, or Registered Model '{name}' already exists"
            raise ApiError(400, "RESOURCE_ALREADY_EXISTS", message)
        known.models[name] = []
        return JSONResponse({"registered_model": {"name": name}})

    async def delete_model(request: Request) -> JSONResponse:
        registry(workspace).models.pop((await request.json())["name"], None)
        return JSONResponse({})

    async def get_model(request: Request) -> JSONResponse:
        name = request.query_params["name"]
        _model(workspace, name)
        return JSONResponse({"registered_model": {"name": name}})

    async def create_version(request: Request) -> JSONResponse:
        body = await request.json()
        versions = _model(workspace, body["name"])
        tags = {tag["key"]: tag["value"] for tag in body.get("tags", [])}
        number = len(versions) + 1
        made = Version(body["name"], number, body["source"], body.get("run_id"), body.get("description", ""), tags)
        versions.append(made)
        return JSONResponse({"model_version": _for_mlflow(made)})

    async def finalize(request: Request) -> JSONResponse:
        body = await request.json()
        version = _version(workspace, body["name"], body["version"])
        version.status = "READY"
        return JSONResponse({"model_version": _for_mlflow(version)})

    async def get_version(request: Request) -> JSONResponse:
        query = request.query_params
        return JSONResponse({"model_version": _for_mlflow(_version(workspace, query["name"], query["version"]))})

    async def search_versions(request: Request) -> JSONResponse:
        wanted = request.query_params.get("filter", "")
        name = wanted.removeprefix("name").strip(" ='\"")
        versions = registry(workspace).models.get(name, [])
        return JSONResponse({"model_versions": [_for_mlflow(version) for version in reversed(versions)]})

    async def set_tag(request: Request) -> JSONResponse:
        body = await request.json()
        _version(workspace, body["name"], body["version"]).tags[body["key"]] = body["value"]
        return JSONResponse({})

    enabled = "registered-models:is-databricks-sdk-models-artifact-repository-enabled"
    return [
        Route(_MLFLOW + enabled, by_sdk, methods=["GET"], name="models/artifacts-by-sdk"),
        Route(_MLFLOW + "registered-models/create", create_model, methods=["POST"], name="models/create"),
        Route(_MLFLOW + "registered-models/delete", delete_model, methods=["DELETE"], name="models/delete"),
        Route(_MLFLOW + "registered-models/get", get_model, methods=["GET"], name="models/get"),
        Route(_MLFLOW + "model-versions/create", create_version, methods=["POST"], name="models/versions/create"),
        Route(_MLFLOW + "model-versions/finalize", finalize, methods=["POST"], name="models/versions/finalize"),
        Route(_MLFLOW + "model-versions/get", get_version, methods=["GET"], name="models/versions/get-by-mlflow"),
        Route(_MLFLOW + "model-versions/search", search_versions, methods=["GET"], name="models/versions/search"),
        Route(_MLFLOW + "model-versions/set-tag", set_tag, methods=["POST"], name="models/versions/set-tag"),
    ]


def _read_by_the_sdk(workspace: Workspace) -> list[Route]:
    def shown(version: Version) -> dict[str, Any]:
        catalog, schema, model = version.name.split(".")
        return {
            "catalog_name": catalog,
            "schema_name": schema,
            "model_name": model,
            "version": version.version,
            "comment": version.description,
            "source": version.source,
            "run_id": version.run_id,
            "run_workspace_id": int(workspace.workspace_id),
            "status": version.status,
            "created_at": version.created_at,
            "storage_location": str(workspace.root / "Models"),
        }

    async def get_model(request: Request) -> JSONResponse:
        name = request.path_params["name"]
        _model(workspace, name)
        catalog, schema, model = name.split(".")
        named = registry(workspace).aliases.get(name, {})
        aliases = [{"alias_name": alias, "version_num": number} for alias, number in named.items()]
        also = {"aliases": aliases} if request.query_params.get("include_aliases") == "true" else {}
        owner = registry(workspace).owners.get(name, next(iter(workspace.tokens.values())))
        shown = {"full_name": name, "catalog_name": catalog, "schema_name": schema, "name": model, "owner": owner}
        return JSONResponse({**shown, **also})

    async def effective(request: Request) -> JSONResponse:
        granted = [{"privilege": "CREATE_MODEL_VERSION"}]
        holders = registry(workspace).writers.get(request.path_params["name"], [])
        return JSONResponse({"privilege_assignments": [{"principal": p, "privileges": granted} for p in holders]})

    async def versions(request: Request) -> JSONResponse:
        found = [shown(version) for version in _model(workspace, request.path_params["name"])]
        start = int(request.query_params.get("page_token") or 0)
        size = int(request.query_params.get("max_results") or 100)
        answer: dict[str, Any] = {"model_versions": found[start : start + size]}
        if start + size < len(found):
            answer["next_page_token"] = str(start + size)
        return JSONResponse(answer)

    async def version(request: Request) -> JSONResponse:
        workspace.require("Model", request.path_params["name"], "EXECUTE")
        return JSONResponse(shown(_version(workspace, request.path_params["name"], request.path_params["version"])))

    async def grant(request: Request) -> JSONResponse:
        name = request.path_params["name"]
        _model(workspace, name)
        workspace.require("Model", name, "MANAGE")
        for change in (await request.json())["changes"]:
            registry(workspace).granted |= {(name, change["principal"], each) for each in change.get("add", [])}
        return JSONResponse({"privilege_assignments": []})

    async def alias(request: Request) -> JSONResponse:
        name = request.path_params["name"]
        _model(workspace, name)
        named = registry(workspace).aliases.setdefault(name, {})
        if request.method == "PUT":
            named[request.path_params["alias"]] = (await request.json())["version_num"]
        elif named.pop(request.path_params["alias"], None) is None:
            raise not_found(f"Alias of {name} does not exist.")
        return JSONResponse({})

    permissions = "/api/2.1/unity-catalog/effective-permissions/function/{name}"
    return [
        Route(permissions.replace("effective-", ""), grant, methods=["PATCH"], name="models/grant"),
        Route(permissions, effective, methods=["GET"], name="models/effective-permissions"),
        Route(_CATALOG + "/{name}", get_model, methods=["GET"], name="models/get-by-sdk"),
        Route(_CATALOG + "/{name}/aliases/{alias}", alias, methods=["PUT", "DELETE"], name="models/aliases"),
        Route(_CATALOG + "/{name}/versions", versions, methods=["GET"], name="models/versions/list"),
        Route(_CATALOG + "/{name}/versions/{version}", version, methods=["GET"], name="models/versions/get"),
    ]
