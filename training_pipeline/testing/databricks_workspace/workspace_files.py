"""Workspace files (`/api/2.0/workspace`), on this machine's disk."""

from __future__ import annotations

import base64
import email
from email.message import Message
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from training_pipeline.testing.databricks_workspace.state import ApiError, Workspace, not_found


def routes(workspace: Workspace) -> list[Route]:
    """The calls for workspace files."""

    async def mkdirs(request: Request) -> Response:
        workspace.path(_workspace_path((await request.json())["path"])).mkdir(parents=True, exist_ok=True)
        return JSONResponse({})

    async def import_file(request: Request) -> Response:
        form = _multipart(request.headers["content-type"], await request.body())
        remote = _workspace_path(form["path"].decode())
        path = workspace.path(remote)
        if not path.parent.is_dir():
            raise not_found(f"The parent folder ({Path(remote).parent}) does not exist.")
        if path.exists() and form.get("overwrite") != b"true":
            raise ApiError(400, "RESOURCE_ALREADY_EXISTS", f"Path ({remote}) already exists.")
        path.write_bytes(form["content"])
        return JSONResponse({"object_id": workspace.number()})

    async def status(request: Request) -> Response:
        remote = _workspace_path(request.query_params["path"])
        path = workspace.path(remote)
        if not path.exists():
            raise not_found(f"Path ({remote}) doesn't exist.")
        kind = "DIRECTORY" if path.is_dir() else "FILE"
        return JSONResponse({"path": remote, "object_type": kind, "object_id": 1, "size": path.stat().st_size})

    async def export(request: Request) -> Response:
        remote = _workspace_path(request.query_params["path"])
        path = workspace.path(remote)
        if not path.is_file():
            raise not_found(f"Path ({remote}) doesn't exist.")
        if request.query_params.get("direct_download") == "true":
            return StreamingResponse(iter([path.read_bytes()]), media_type="application/octet-stream")
        return JSONResponse({"content": base64.b64encode(path.read_bytes()).decode(), "file_type": "py"})

    async def delete(request: Request) -> JSONResponse:
        path = workspace.path(_workspace_path((await request.json())["path"]))
        if not path.is_file():
            raise not_found(f"Path ({path.name}) doesn't exist.")
        path.unlink()
        return JSONResponse({})

    base = "/api/2.0/workspace/"
    return [
        Route(base + "delete", delete, methods=["POST"], name="workspace/delete"),
        Route(base + "mkdirs", mkdirs, methods=["POST"], name="workspace/mkdirs"),
        Route(base + "import", import_file, methods=["POST"], name="workspace/import"),
        Route(base + "get-status", status, methods=["GET"], name="workspace/get-status"),
        Route(base + "export", export, methods=["GET"], name="workspace/export"),
    ]


def _multipart(content_type: str, body: bytes) -> dict[str, bytes]:
    """The fields of a form, by name."""
    message = email.message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    fields = {}
    for part in message.get_payload():
        assert isinstance(part, Message)
        fields[str(part.get_param("name", header="content-disposition"))] = part.get_payload(decode=True)
    return fields  # type: ignore[return-value]


def _workspace_path(path: str) -> str:
    """The path below `/Workspace`, which the API lets one leave out."""
    return path if path.startswith("/Workspace/") else f"/Workspace{path}"
