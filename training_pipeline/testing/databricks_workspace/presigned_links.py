"""Presigned links (`/api/2.0/fs/create-…`), and the cloud's storage behind them."""

from __future__ import annotations

import secrets

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from training_pipeline.testing.databricks_workspace.files import file_response, get_only, volume_file
from training_pipeline.testing.databricks_workspace.state import ApiError, Workspace, not_found
from training_pipeline.testing.databricks_workspace.uploads import ExpiredLink, no_links, store


def routes(workspace: Workspace) -> list[Route]:
    """The calls for links, and what answers behind these."""
    state = store(workspace)

    def url(what: str) -> str:
        return f"{state.storage or workspace.url}/cloud/{state.link(what)}"

    async def download_url(request: Request) -> Response:
        remote = request.query_params["path"]
        if not state.presigned:
            raise no_links()
        if not volume_file(workspace, remote, "READ VOLUME").is_file():
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
            return file_response(workspace.path(what), request)
        token, _, number = what.partition(" ")
        if request.method == "DELETE":
            state.uploads.pop(token, None)
            return Response(status_code=204)
        state.uploads[token].parts[int(number)] = await request.body()
        return Response(status_code=200, headers={"etag": f'"{secrets.token_hex(8)}"'})

    cloud.public = True  # type: ignore[attr-defined]
    links = "/api/2.0/fs/create-"
    secret = "/cloud/{secret}"
    return [
        Route(links + "download-url", download_url, methods=["POST"], name="fs/create-download-url"),
        Route(links + "upload-part-urls", part_urls, methods=["POST"], name="fs/create-upload-part-urls"),
        Route(links + "abort-upload-url", abort_url, methods=["POST"], name="fs/create-abort-upload-url"),
        get_only(Route(secret, cloud, methods=["GET"], name="cloud/download")),
        Route(secret, cloud, methods=["PUT"], name="cloud/upload-part"),
        Route(secret, cloud, methods=["DELETE"], name="cloud/abort-upload"),
    ]
