"""Request ids, one log line per request, and an answer to every request even after an unexpected error."""

from __future__ import annotations

import logging
import re
import secrets
import time
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from training_pipeline.api.problems import problem
from training_pipeline.training_jobs.store.request_id import request_id

HEADER: Final = "X-Request-ID"
_ACCEPTED: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_log = logging.getLogger("training_pipeline.api.requests")


class Requests:
    """ASGI middleware, the outermost of ours."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        current = given if _ACCEPTED.fullmatch(given) else f"req-{secrets.token_hex(6)}"
        token = request_id.set(current)
        scope.setdefault("state", {})
        started, status = time.perf_counter(), 0

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[HEADER] = current
                headers.setdefault("Cache-Control", "no-store")
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Content-Security-Policy", "frame-ancestors 'none'")
            await send(message)

        try:
            await self._app(scope, receive, named)
        finally:
            _log.info(
                "request",
                extra={
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": status,
                    "milliseconds": round(1000 * (time.perf_counter() - started), 1),
                    "actor": scope["state"].get("actor"),
                },
            )
            request_id.reset(token)


class Unforeseen:
    """ASGI middleware: answers 500 to a request that something nobody foresaw ended before its answer began."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception:
            # Nothing that a client sends should lead here. The log has everything, the client only where to look.
            _log.exception("unforeseen")
            if begun:
                raise
            detail = "An unexpected error occurred. Find details in the service's log under the id of this request."
            await problem(scope["path"], 500, "internal", detail)(scope, receive, send)
