"""ASGI middleware around the pages: routing, sessions, security headers, caching and compression."""

from __future__ import annotations

import re
import secrets
from typing import Final
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from training_pipeline.api import problems
from training_pipeline.api.middleware.methods import without_body
from training_pipeline.domain.errors import PipelineError, Unauthenticated
from training_pipeline.web.site import Site
from training_pipeline.web.static_files import BASE, LOGIN
from training_pipeline.web.waiting_pages import Pages, make_room

_SCRIPT: Final = re.compile(rb"<script(?=[\s>])")
#: NiceGUI makes its components and handlers out of text (eval), and styles elements one by one.
_POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self' 'nonce-{nonce}' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
)
#: Their addresses carry the version of what they belong to, or they never change.
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ASSETS: Final = re.compile(rf"{BASE}/(_nicegui/|static/)")
_OPEN: Final = re.compile(rf"{BASE}/(_nicegui/|static/|favicon\.ico$|login$)")


class Shell:
    """Passes every path that is not a page's through unchanged. Websockets are checked by `PageSockets`."""

    def __init__(self, app: ASGIApp, site: Site, pages: Pages) -> None:
        self._app = app
        self._site = site
        self._pages = pages
        self._compressed = GZipMiddleware(self._page, minimum_size=1000, compresslevel=4)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        path = scope.get("path", "")
        if scope["type"] == "http" and (path == BASE or path.startswith(f"{BASE}/")):
            if scope["method"] == "HEAD":
                scope, send = {**scope, "method": "GET"}, without_body(send)
            await self._compressed(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        nonce = secrets.token_urlsafe(16)
        head: Message = {}

        async def guarded(message: Message) -> None:
            nonlocal head
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    head = message  # its length changes with the nonces
                    return
                if _ASSETS.match(scope["path"]) and message["status"] == 200:
                    headers["Cache-Control"] = _FOR_EVER
            elif head:
                body = _SCRIPT.sub(b'<script nonce="' + nonce.encode() + b'"', message.get("body", b""))
                headers = MutableHeaders(scope=head)
                headers["Content-Security-Policy"] = _POLICY.format(nonce=nonce)
                headers["Referrer-Policy"] = "same-origin"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers["Content-Length"] = str(len(body))
                await send(head)
                head = {}
                message = {**message, "body": body}
            await send(message)

        if not _OPEN.match(scope["path"]):
            scope.setdefault("state", {})
            try:
                scope["state"]["page_caller"] = await self._site.ask(scope)
            except Unauthenticated:
                await RedirectResponse(f"{LOGIN}?next={quote(_asked(scope))}", 303)(scope, receive, send)
                return
            except PipelineError as error:
                await problems.of_pipeline_error(scope["path"], error)(scope, receive, send)
                return
            make_room(self._pages)
        await self._app(_with_slash(scope), receive, guarded)


def _asked(scope: Scope) -> str:
    path, query = str(scope["path"]), str(scope["query_string"], "latin-1")
    return f"{path}?{query}" if query else path


def _with_slash(scope: Scope) -> Scope:
    """/train itself is the first page of what is mounted there."""
    if scope["path"] != BASE:
        return scope
    return {**scope, "path": f"{BASE}/", "raw_path": f"{BASE}/".encode()}
