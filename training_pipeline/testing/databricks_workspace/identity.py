"""Discovery and the current user."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from training_pipeline.testing.databricks_workspace.state import Workspace


def routes(workspace: Workspace) -> list[Route]:
    """What the SDK asks first, without a token, and who the token belongs to."""

    async def config(request: Request) -> JSONResponse:
        del request
        return JSONResponse({"workspace_id": workspace.workspace_id})

    async def me(request: Request) -> JSONResponse:
        user = request.scope["user"]
        facts = {"id": "1", "userName": user, "displayName": user, "active": True}
        return JSONResponse(facts, headers={"X-Databricks-Org-Id": workspace.workspace_id})

    config.public = True  # type: ignore[attr-defined]
    return [
        Route("/.well-known/databricks-config", config, name="databricks-config"),
        Route("/api/2.0/preview/scim/v2/Me", me, name="me"),
    ]
