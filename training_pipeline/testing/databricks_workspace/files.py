"""Files of Volumes and models (`/api/2.0/fs`), on this machine's disk."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from training_pipeline.testing.databricks_workspace.state import ApiError, Workspace, bad_request, not_found
from training_pipeline.testing.databricks_workspace.uploads import Upload, no_links, store

PAGE: Final = 1000


def volume_file(workspace: Workspace, remote: str, privilege: str) -> Path:
    """Where a file lies; refuses what is in no volume that exists, and what the user may not do there."""
    parts = [part for part in remote.split("/") if part]
    if parts[:1] == ["Models"]:
        return workspace.path("/" + "/".join(parts))
    if len(parts) < 4 or parts[0] != "Volumes":
        raise bad_request(f"Invalid path: {remote}. A path must be /Volumes/<catalog>/<schema>/<volume>/...")
    volume = ".".join(parts[1:4])
    if not workspace.path("/" + "/".join(parts[:4])).is_dir():
        raise not_found(f"Volume '{volume}' does not exist.")
    workspace.require("Volume", volume, privilege)
    return workspace.path("/" + "/".join(parts))


async def _write(path: Path, request: Request) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with temporary.open("wb") as file:
        async for chunk in request.stream():
            file.write(chunk)
    temporary.replace(path)


def _head(path: Path) -> dict[str, str]:
    stat = path.stat()
    modified = format_datetime(datetime.fromtimestamp(stat.st_mtime, UTC), usegmt=True)
    return {"content-length": str(stat.st_size), "last-modified": modified, "content-type": "application/octet-stream"}


def file_response(path: Path, request: Request) -> Response:
    """The file, or the part of it that a Range header asks for."""
    size = path.stat().st_size
    start, end = 0, size - 1
    asked = request.headers.get("range", "").removeprefix("bytes=")
    if asked:
        first, _, last = asked.partition("-")
        start, end = int(first), min(int(last) if last else size - 1, size - 1)
    with path.open("rb") as file:
        file.seek(start)
        content = file.read(end - start + 1)
    headers = {**_head(path), "content-length": str(len(content))}
    if asked:
        headers["content-range"] = f"bytes {start}-{end}/{size}"
    return Response(content, 206 if asked else 200, headers)


def routes(workspace: Workspace) -> list[Route]:
    """Files and directories, and the beginning and the end of an upload in parts."""
    state = store(workspace)

    async def put(request: Request) -> Response:
        path = volume_file(workspace, "/" + request.path_params["path"], "WRITE VOLUME")
        if request.query_params.get("overwrite") != "true" and path.exists():
            raise ApiError(409, "ALREADY_EXISTS", "The file being created already exists.")
        await _write(path, request)
        return Response(status_code=204)

    async def get(request: Request) -> Response:
        path = volume_file(workspace, "/" + request.path_params["path"], "READ VOLUME")
        if not path.is_file():
            raise ApiError(404, "NOT_FOUND", "The file being accessed is not found.")
        return file_response(path, request)

    async def head(request: Request) -> Response:
        path = volume_file(workspace, "/" + request.path_params["path"], "READ VOLUME")
        if not path.is_file():
            return Response(status_code=404)
        return Response(status_code=200, headers=_head(path))

    async def delete(request: Request) -> Response:
        path = volume_file(workspace, "/" + request.path_params["path"], "WRITE VOLUME")
        if not path.is_file():
            raise ApiError(404, "NOT_FOUND", "The file being accessed is not found.")
        path.unlink()
        return Response(status_code=204)

    async def post(request: Request) -> Response:
        """Start or end an upload in parts."""
        remote = "/" + request.path_params["path"]
        volume_file(workspace, remote, "WRITE VOLUME")
        action = request.query_params.get("action")
        if action == "initiate-upload":
            if not state.presigned:
                raise no_links()
            token = secrets.token_urlsafe(12)
            state.uploads[token] = Upload(remote, request.query_params.get("overwrite") == "true")
            return JSONResponse({"multipart_upload": {"session_token": token}})
        if action == "complete-upload":
            upload = state.uploads.pop(request.query_params.get("session_token", ""), None)
            if upload is None:
                raise not_found("The upload session does not exist.")
            path = volume_file(workspace, upload.path, "WRITE VOLUME")
            if path.exists() and not upload.overwrite:
                raise ApiError(409, "ALREADY_EXISTS", "The file being created already exists.")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"".join(content for _, content in sorted(upload.parts.items())))
            return Response(status_code=204)
        raise bad_request(f"Unknown action: {action}")

    async def make_directory(request: Request) -> Response:
        volume_file(workspace, "/" + request.path_params["path"], "WRITE VOLUME").mkdir(parents=True, exist_ok=True)
        return Response(status_code=204)

    async def delete_directory(request: Request) -> Response:
        path = volume_file(workspace, "/" + request.path_params["path"], "WRITE VOLUME")
        if not path.is_dir():
            raise ApiError(404, "NOT_FOUND", "The directory being accessed is not found.")
        if any(path.iterdir()):
            raise ApiError(400, "BAD_REQUEST", "The directory is not empty.")
        path.rmdir()
        return Response(status_code=204)

    async def head_directory(request: Request) -> Response:
        path = volume_file(workspace, "/" + request.path_params["path"], "READ VOLUME")
        return Response(status_code=200 if path.is_dir() else 404)

    async def list_directory(request: Request) -> Response:
        path = volume_file(workspace, "/" + request.path_params["path"], "READ VOLUME")
        if not path.is_dir():
            raise ApiError(404, "NOT_FOUND", "The directory being accessed is not found.")
        names = sorted(child.name for child in path.iterdir() if not child.name.startswith("."))
        start = int(request.query_params.get("page_token") or 0)
        size = min(int(request.query_params.get("page_size") or PAGE), PAGE)
        contents: list[dict[str, Any]] = []
        for name in names[start : start + size]:
            child = path / name
            entry = {"path": f"/{request.path_params['path']}/{name}", "name": name, "is_directory": child.is_dir()}
            if child.is_file():
                entry |= {"file_size": child.stat().st_size, "last_modified": int(child.stat().st_mtime * 1000)}
            contents.append(entry)
        answer: dict[str, Any] = {"contents": contents}
        if start + size < len(names):
            answer["next_page_token"] = str(start + size)
        return JSONResponse(answer)

    file, directory = "/api/2.0/fs/files/{path:path}", "/api/2.0/fs/directories/{path:path}"
    return [
        Route(file, put, methods=["PUT"], name="fs/files/upload"),
        Route(file, head, methods=["HEAD"], name="fs/files/metadata"),
        get_only(Route(file, get, methods=["GET"], name="fs/files/download")),
        Route(file, delete, methods=["DELETE"], name="fs/files/delete"),
        Route(file, post, methods=["POST"], name="fs/files/multipart"),
        Route(directory, make_directory, methods=["PUT"], name="fs/directories/create"),
        Route(directory, delete_directory, methods=["DELETE"], name="fs/directories/delete"),
        Route(directory, head_directory, methods=["HEAD"], name="fs/directories/metadata"),
        get_only(Route(directory, list_directory, methods=["GET"], name="fs/directories/list")),
    ]


def get_only(route: Route) -> Route:
    """Starlette lets a GET route answer HEAD too, where another route is to do so."""
    route.methods = {"GET"}
    return route
