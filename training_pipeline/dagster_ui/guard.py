"""ASGI middleware in front of Dagster's webserver: who may ask, from where, and in which form."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from anyio import to_thread
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from training_pipeline.api.middleware.access import LOOK_SECONDS, too_many
from training_pipeline.api.middleware.limits import BODY_SECONDS, Bodies
from training_pipeline.api.middleware.origins import SAFE_METHODS
from training_pipeline.api.middleware.page_sockets import Sockets
from training_pipeline.api.middleware.rate_limit import Buckets, address_key
from training_pipeline.api.problems import of_pipeline_error, problem
from training_pipeline.dagster_ui.callers import Callers
from training_pipeline.dagster_ui.login import LOGIN, Login
from training_pipeline.dagster_ui.origins import Origins
from training_pipeline.domain.errors import PipelineError, Unauthenticated

GRAPHQL: Final = "/graphql"
#: No page of another origin may show the UI in a frame, where it would make people click on what they do not see.
_HEADERS: Final = {
    "Content-Security-Policy": "frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Sets `caller` in the state of every request and websocket that Dagster gets, or answers itself."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        callers: Callers,
        origins: Origins,
        failures_per_minute: float,
        max_body_bytes: int,
        body_seconds: float = BODY_SECONDS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._app = Bodies(app, max_bytes=max_body_bytes, seconds=body_seconds)
        self._callers = callers
        self._origins = origins
        self._failures = Buckets(per_second=failures_per_minute / 60, burst=failures_per_minute)
        self._login = Login(callers, seconds=body_seconds)
        self._sockets = Sockets(app, require=self._identify, look_seconds=look_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        if scope["type"] == "websocket":
            await self._sockets(scope, receive, send)
            return
        answer = await self._refused(HTTPConnection(scope)) or self._app
        await answer(scope, receive, _with_headers(send))

    async def _identify(self, connection: HTTPConnection) -> None:
        self._origins.require(connection)
        found = self._callers.of
        # Without authentication nobody waits for the database.
        connection.state.caller = (
            found(connection) if self._callers.open_to_all else await to_thread.run_sync(found, connection)
        )

    async def _refused(self, connection: HTTPConnection) -> ASGIApp | None:
        """What answers in Dagster's place; null if nothing does."""
        path, method = connection.scope["path"], connection.scope["method"]
        client = address_key(connection.client.host if connection.client else None)
        tries = "authorization" in connection.headers or (path, method) == (LOGIN, "POST")
        try:
            if tries and (wait := self._failures.wait(client)):
                return too_many(path, wait, "failures")
            if path == LOGIN:
                self._origins.require(connection)
                return self._login.answering(lambda: self._failures.take(client))
            await self._identify(connection)
        except Unauthenticated as error:
            if tries:
                self._failures.take(client)
            if method in SAFE_METHODS and "text/html" in connection.headers.get("accept", ""):
                return RedirectResponse(f"{LOGIN}?next={quote(_asked(connection))}", 303)
            return of_pipeline_error(path, error)
        except PipelineError as error:
            return of_pipeline_error(path, error)
        return _malformed(connection)


def _malformed(connection: HTTPConnection) -> Response | None:
    """The answer to a request whose form a page of another origin could send without asking; null for a good one."""
    path, method = connection.scope["path"], connection.scope["method"]
    if method in SAFE_METHODS:
        if path == GRAPHQL and "text/html" not in connection.headers.get("accept", ""):
            hint = "Send queries and mutations by POST, as JSON."
            said = "A GET of this path is for the page in a browser."
            return problem(path, 405, "method_not_allowed", said, hint=hint, headers={"Allow": "POST"})
        return None
    kind = connection.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        hint = "Send the header `Content-Type: application/json`."
        return problem(path, 415, "unsupported_media_type", "This path takes JSON only.", hint=hint)
    return None


def _asked(connection: HTTPConnection) -> str:
    path, query = str(connection.scope["path"]), str(connection.scope["query_string"], "latin-1")
    return f"{path}?{query}" if query else path


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.append(name, value)  # a second policy narrows the first
        await send(message)

    return sent
