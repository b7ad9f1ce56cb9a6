"""ASGI middleware around the pages: their addresses, who may see them, what browsers may do with them, compression."""

from __future__ import annotations

import re
import secrets
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from training_pipeline.web.site import Site

BASE: Final = "/train"
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
#: Assets carry the version of what they belong to in their address.
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ASSETS: Final = re.compile(r"/train/(_nicegui/|static/fonts/)")


class Shell:
    """Lets every other path through as it is."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._site = site
        self._compressed = GZipMiddleware(self._page, minimum_size=1000, compresslevel=4)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        path = scope.get("path", "")
        if scope["type"] not in {"http", "websocket"} or not (path == BASE or path.startswith(f"{BASE}/")):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self._compressed(scope, receive, send)

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

        await self._app(_with_slash(scope), receive, guarded)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        origin = headers.get("origin", "")
        if origin.partition("://")[2] != headers.get("host", ""):
            await send({"type": "websocket.close", "code": 1008, "reason": "Only pages of this service connect here."})
            return
        await self._app(scope, receive, send)


def _with_slash(scope: Scope) -> Scope:
    """/train itself is the first page of what is mounted there."""
    if scope["path"] != BASE:
        return scope
    return {**scope, "path": f"{BASE}/", "raw_path": f"{BASE}/".encode()}
