"""HEAD and OPTIONS for every path of the API."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from training_pipeline.api.allowed_methods import allowed_methods


class Methods:
    """ASGI middleware: answers OPTIONS with what is allowed, and HEAD with the head of what GET answers."""

    def __init__(self, app: ASGIApp, api: FastAPI) -> None:
        self._app = app
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["method"] not in {"HEAD", "OPTIONS"}:
            await self._app(scope, receive, send)
            return
        allowed = allowed_methods(self._api, scope["path"])
        if scope["method"] == "OPTIONS" and allowed:
            await Response(status_code=204, headers={"Allow": ", ".join(allowed)})(scope, receive, send)
        elif scope["method"] == "HEAD" and "HEAD" in allowed:
            await self._app({**scope, "method": "GET"}, receive, without_body(send))
        else:
            await self._app(scope, receive, send)


def without_body(send: Send) -> Send:
    """Ends the answer where its body would begin; a stream then finds that its client has gone."""
    ended = False

    async def headless(message: Message) -> None:
        nonlocal ended
        if ended:
            return
        if message["type"] == "http.response.body":
            message, ended = {"type": "http.response.body", "body": b"", "more_body": False}, True
        await send(message)

    return headless
