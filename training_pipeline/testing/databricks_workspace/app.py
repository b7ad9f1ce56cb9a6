"""The application: every part of the API behind one door that knows tokens, names calls and breaks them on demand."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from training_pipeline.testing.databricks_workspace.faults import FaultMiddleware
from training_pipeline.testing.databricks_workspace.state import ApiError, Call, Workspace

#: The modules that serve a part of the API, each with `routes(workspace)`. A route's name is the name of the call.
PARTS: Final = (
    "identity",
    "files",
    "presigned_links",
    "workspace_files",
    "jobs",
    "mlflow",
    "models",
    "catalog",
    "sql",
    "lineage",
    "serving",
)


def create_app(workspace: Workspace) -> ASGIApp:
    """The API of `workspace`."""
    package = __package__
    routes: list[Route] = []
    for part in PARTS:
        routes += importlib.import_module(f"{package}.{part}").routes(workspace)
    app = Starlette(routes=routes, exception_handlers={ApiError: _refusal, 404: _no_such_endpoint})
    return Door(FaultMiddleware(app, workspace.faults), workspace, routes)


async def _refusal(request: Request, error: Exception) -> JSONResponse:
    del request
    assert isinstance(error, ApiError)
    body: dict[str, object] = {"error_code": error.code, "message": error.message}
    if error.reason:
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        body["details"] = [{"@type": kind, "reason": error.reason, "domain": "filesystem.databricks.com"}]
    return JSONResponse(body, error.status)


async def _no_such_endpoint(request: Request, error: Exception) -> JSONResponse:
    del error
    message = f"No API found for '{request.method} {request.url.path}'"
    return JSONResponse({"error_code": "ENDPOINT_NOT_FOUND", "message": message}, 404)


class Door:
    """Names each call after its route, keeps a record of it, and lets in whoever has a token.

    A route whose endpoint has the attribute `public` needs no token: discovery, and presigned links.
    """

    def __init__(self, app: ASGIApp, workspace: Workspace, routes: list[Route]) -> None:
        self._app = app
        self._workspace = workspace
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what is not authenticated, name the call, and pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route = next((route for route in self._routes if route.matches(scope)[0] is Match.FULL), None)
        scope["call"] = route.name if route is not None else f"{scope['method']} {scope['path']}"
        # The server's own `send` knows the connection; ASGI has no word for breaking it.
        scope["hang_up"] = send.__self__.transport.abort  # type: ignore[attr-defined]
        status: int | None = None

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            request = Request(scope)
            try:
                scope["worker"] = self._workspace.worker_token in request.headers.get("authorization", "")
                if not getattr(getattr(route, "endpoint", None), "public", False):
                    scope["user"] = self._workspace.user(request)
            except ApiError as error:
                response = await _refusal(request, error)
                await response(scope, receive, watched)
            else:
                await self._app(scope, receive, watched)
        finally:
            if not scope["worker"]:
                self._workspace.calls.append(Call(scope["call"], status, time.monotonic()))


@contextmanager
def serve(root: Path, *, port: int = 0) -> Iterator[Workspace]:
    """A workspace that listens on this machine, in a thread of this process, as long as the block lasts."""
    workspace = Workspace(root)
    config = uvicorn.Config(
        create_app(workspace),
        host="127.0.0.1",
        port=port,
        log_level="critical",
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="databricks-workspace", daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("The workspace does not start.")
        time.sleep(0.01)
    workspace.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield workspace
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        for part in workspace.parts.values():
            close = getattr(part, "close", None)
            if close is not None:
                close()
