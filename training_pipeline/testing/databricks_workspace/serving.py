"""Serving endpoints, as the SDK lists them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from training_pipeline.testing.databricks_workspace.state import Workspace


@dataclass
class Endpoints:
    """What each endpoint serves: model and version, by the name of the endpoint. No version is another's model."""

    serves: dict[str, list[tuple[str, str | None]]] = field(default_factory=dict)
    #: Endpoints that still answer as an older workspace does.
    old: set[str] = field(default_factory=set)


def endpoints(workspace: Workspace) -> Endpoints:
    """The state of this part."""
    part = workspace.parts.setdefault("serving", Endpoints())
    assert isinstance(part, Endpoints)
    return part


def routes(workspace: Workspace) -> list[Route]:
    """The list of all endpoints: one answer, without pages."""

    def listed(request: Request) -> JSONResponse:
        del request
        known = endpoints(workspace)
        shown = [_shown(name, serves, old=name in known.old) for name, serves in known.serves.items()]
        return JSONResponse({"endpoints": shown} if shown else {})

    return [Route("/api/2.0/serving-endpoints", listed, methods=["GET"], name="serving/list")]


def _shown(name: str, serves: list[tuple[str, str | None]], *, old: bool) -> dict[str, Any]:
    of = ("served_models", "model") if old else ("served_entities", "entity")
    entities: list[dict[str, Any]] = []
    for number, (model, version) in enumerate(serves):
        one: dict[str, Any] = {"name": f"{name}-{number}", f"{of[1]}_name": model}
        if version is not None:
            one[f"{of[1]}_version"] = version
        else:
            one["external_model"] = {"name": model, "provider": "openai", "task": "llm/v1/chat"}
        entities.append(one)
    state = {"ready": "READY", "config_update": "NOT_UPDATING"}
    # One that was just made, and has served nothing yet, has no configuration.
    config = {"config": {of[0]: entities}} if entities else {}
    return {"name": name, "id": f"id-of-{name}", "creator": "owner@example.com", "state": state, **config}
