"""Discovery, the current user, and passwords for the database that it has."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from training_pipeline.testing.databricks_workspace.state import ApiError, Workspace


def routes(workspace: Workspace) -> list[Route]:
    """What the SDK asks first, without a token, and who the token belongs to."""

    async def config(request: Request) -> JSONResponse:
        del request
        return JSONResponse({"workspace_id": workspace.workspace_id})

    async def me(request: Request) -> JSONResponse:
        user = request.scope["user"]
        facts = {"id": "1", "userName": user, "displayName": user, "active": True}
        return JSONResponse(facts, headers={"X-Databricks-Org-Id": workspace.workspace_id})

    async def credential(request: Request) -> JSONResponse:
        asked = await request.json()
        if workspace.database_instance not in (asked.get("instance_names") or []):
            raise ApiError(404, "NOT_FOUND", f"Database instance {asked.get('instance_names')} is not found.")
        until = datetime.now(UTC) + timedelta(seconds=workspace.database_token_seconds)
        workspace.database_tokens.append(f"tok:{secrets.token_hex(8)}\\")
        return JSONResponse({"token": workspace.database_tokens[-1], "expiration_time": until.isoformat()})

    config.public = True  # type: ignore[attr-defined]
    return [
        Route("/.well-known/databricks-config", config, name="databricks-config"),
        Route("/api/2.0/preview/scim/v2/Me", me, name="me"),
        Route("/api/2.0/database/credentials", credential, methods=["POST"], name="database/credentials"),
    ]
