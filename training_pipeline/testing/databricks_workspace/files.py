"""Files of Volumes and models (`/api/2.0/fs`), and workspace files (`/api/2.0/workspace`), on this machine's disk."""

from __future__ import annotations

import base64
import email
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from training_pipeline.testing.databricks_workspace.state import ApiError, Workspace, bad_request, not_found

PAGE: Final = 1000
CHUNK: Final = 1 << 20


@dataclass
class Upload:
    """A multipart upload under way; its parts lie beside each other until it is completed."""

    path: str
    overwrite: bool
    parts: dict[int, bytes] = field(default_factory=dict)


@dataclass
class Store:
    """Uploads and presigned links. `link_seconds` is how long a link is good; `presigned` whether links are given.

    So many of the next links as `expire_next` says have expired when they are first used.
    """

    uploads: dict[str, Upload] = field(default_factory=dict)
    links: dict[str, tuple[str, float]] = field(default_factory=dict)
    link_seconds: float = 3600.0
    presigned: bool = True
    expire_next: int = 0
    #: Where the links lead, as `http://host:port`; to this server where null.
    storage: str | None = None

    def link(self, what: str) -> str:
        """A secret that stands for `what` for a while."""
        secret = secrets.token_urlsafe(16)
        self.links[secret] = (what, time.monotonic() + self.link_seconds)
        return secret

    def behind(self, secret: str) -> str:
        """What a secret stands for; the cloud's own 403, in XML, once it has expired."""
        what, until = self.links.get(secret, ("", 0.0))
        if self.expire_next > 0:
            self.expire_next -= 1
            raise ExpiredLink
        if time.monotonic() > until:
            raise ExpiredLink
        return what


class ExpiredLink(Exception):
    """A presigned link that is not good any more."""


def store(workspace: Workspace) -> Store:
    """The state of this part."""
    part = workspace.parts.setdefault("files", Store())
    assert isinstance(part, Store)
    return part


def routes(workspace: Workspace) -> list[Route]:
    """The Files API, its presigned links, and the calls for workspace files."""
    return [*_volume_routes(workspace), *_link_routes(workspace), *_workspace_routes(workspace)]


def _no_links() -> ApiError:
    message, reason = "Presigned URLs API is not enabled", "FILES_API_API_IS_NOT_ENABLED"
    return ApiError(403, "PERMISSION_DENIED", message, reason=reason)


def _volume_file(workspace: Workspace, remote: str, privilege: str) -> Path:
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


def _content(path: Path, request: Request) -> Response:
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


def _volume_routes(workspace: Workspace) -> list[Route]:
    state = store(workspace)

    async def put(request: Request) -> Response:
        path = _volume_file(workspace, "/" + request.path_params["path"], "WRITE VOLUME")
        if request.query_params.get("overwrite") != "true" and path.exists():
            raise ApiError(409, "ALREADY_EXISTS", "The file being created already exists.")
        await _write(path, request)
        return Response(status_code=204)

    async def get(request: Request) -> Response:
        path = _volume_file(workspace, "/" + request.path_params["path"], "READ VOLUME")
        if not path.is_file():
            raise ApiError(404, "NOT_FOUND", "The file being accessed is not found.")
        return _content(path, request)

    async def head(request: Request) -> Response:
        path = _volume_file(workspace, "/" + request.path_params["path"], "READ VOLUME")
        if not path.is_file():
            return Response(status_code=404)
        return Response(status_code=200, headers=_head(path))

    async def delete(request: Request) -> Response:
        path = _volume_file(workspace, "/" + request.path_params["path"], "WRITE VOLUME")
        if not path.is_file():
            raise ApiError(404, "NOT_FOUND", "The file being accessed is not found.")
        path.unlink()
        return Response(status_code=204)

    async def post(request: Request) -> Response:
        """Start or end an upload in parts."""
        remote = "/" + request.path_params["path"]
        _volume_file(workspace, remote, "WRITE VOLUME")
        action = request.query_params.get("action")
        if action == "initiate-upload":
            if not state.presigned:
                raise _no_links()
            token = secrets.token_urlsafe(12)
            state.uploads[token] = Upload(remote, request.query_params.get("overwrite") == "true")
            return JSONResponse({"multipart_upload": {"session_token": token}})
        if action == "complete-upload":
            upload = state.uploads.pop(request.query_params.get("session_token", ""), None)
            if upload is None:
                raise not_found("The upload session does not exist.")
            path = _volume_file(workspace, upload.path, "WRITE VOLUME")
            if path.exists() and not upload.overwrite:
                raise ApiError(409, "ALREADY_EXISTS", "The file being created already exists.")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"".join(content for _, content in sorted(upload.parts.items())))
            return Response(status_code=204)
        raise bad_request(f"Unknown action: {action}")

    async def make_directory(request: Request) -> Response:
        _volume_file(workspace, "/" + request.path_params["path"], "WRITE VOLUME").mkdir(parents=True, exist_ok=True)
        return Response(status_code=204)

    async def delete_directory(request: Request) -> Response:
        path = _volume_file(workspace, "/" + request.path_params["path"], "WRITE VOLUME")
        if not path.is_dir():
            raise ApiError(404, "NOT_FOUND", "The directory being accessed is not found.")
        if any(path.iterdir()):
            raise ApiError(400, "BAD_REQUEST", "The directory is not empty.")
        path.rmdir()
        return Response(status_code=204)

    async def head_directory(request: Request) -> Response:
        path = _volume_file(workspace, "/" + request.path_params["path"], "READ VOLUME")
        return Response(status_code=200 if path.is_dir() else 404)

    async def list_directory(request: Request) -> Response:
        path = _volume_file(workspace, "/" + request.path_params["path"], "READ VOLUME")
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
        _get_only(Route(file, get, methods=["GET"], name="fs/files/download")),
        Route(file, delete, methods=["DELETE"], name="fs/files/delete"),
        Route(file, post, methods=["POST"], name="fs/files/multipart"),
        Route(directory, make_directory, methods=["PUT"], name="fs/directories/create"),
        Route(directory, delete_directory, methods=["DELETE"], name="fs/directories/delete"),
        Route(directory, head_directory, methods=["HEAD"], name="fs/directories/metadata"),
        _get_only(Route(directory, list_directory, methods=["GET"], name="fs/directories/list")),
    ]


def _get_only(route: Route) -> Route:
    """Starlette lets a GET route answer HEAD too, where another route is to do so."""
    route.methods = {"GET"}
    return route


def _link_routes(workspace: Workspace) -> list[Route]:
    state = store(workspace)

    def url(what: str) -> str:
        return f"{state.storage or workspace.url}/cloud/{state.link(what)}"

    async def download_url(request: Request) -> Response:
        remote = request.query_params["path"]
        if not state.presigned:
            raise _no_links()
        if not _volume_file(workspace, remote, "READ VOLUME").is_file():
            raise ApiError(404, "NOT_FOUND", "The file being accessed is not found.")
        return JSONResponse({"url": url(remote), "headers": []})

    async def part_urls(request: Request) -> Response:
        body = await request.json()
        if body["session_token"] not in state.uploads:
            raise not_found("The upload session does not exist.")
        first = body["start_part_number"]
        urls = [
            {
                "part_number": number,
                "url": url(f"{body['session_token']} {number}"),
                "headers": [],
            }
            for number in range(first, first + body["count"])
        ]
        return JSONResponse({"upload_part_urls": urls})

    async def abort_url(request: Request) -> Response:
        body = await request.json()
        return JSONResponse({"abort_upload_url": {"url": url(body["session_token"]), "headers": []}})

    async def cloud(request: Request) -> Response:
        """The cloud's storage: it knows links, and refuses a workspace token."""
        try:
            what = state.behind(request.path_params["secret"])
        except ExpiredLink:
            xml = "<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
            return Response(xml, 403, media_type="application/xml")
        if "authorization" in request.headers:
            xml = "<?xml version='1.0'?><Error><Code>InvalidArgument</Code><Message>Only one auth</Message></Error>"
            return Response(xml, 400, media_type="application/xml")
        if request.method == "GET":
            return _content(workspace.path(what), request)
        token, _, number = what.partition(" ")
        if request.method == "DELETE":
            state.uploads.pop(token, None)
            return Response(status_code=204)
        content = await request.body()
        state.uploads[token].parts[int(number)] = content
        return Response(status_code=200, headers={"etag": f'"{secrets.token_hex(8)}"'})

    cloud.public = True  # type: ignore[attr-defined]
    links = "/api/2.0/fs/create-"
    secret = "/cloud/{secret}"
    return [
        Route(links + "download-url", download_url, methods=["POST"], name="fs/create-download-url"),
        Route(links + "upload-part-urls", part_urls, methods=["POST"], name="fs/create-upload-part-urls"),
        Route(links + "abort-upload-url", abort_url, methods=["POST"], name="fs/create-abort-upload-url"),
        _get_only(Route(secret, cloud, methods=["GET"], name="cloud/download")),
        Route(secret, cloud, methods=["PUT"], name="cloud/upload-part"),
        Route(secret, cloud, methods=["DELETE"], name="cloud/abort-upload"),
    ]


def _workspace_routes(workspace: Workspace) -> list[Route]:
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
