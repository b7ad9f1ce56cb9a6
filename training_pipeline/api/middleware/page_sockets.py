"""Websockets: opened with a valid session only, and closed when it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from anyio import to_thread
from fastapi import FastAPI
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from training_pipeline.api.middleware.access import LOOK_SECONDS, require_same_origin
from training_pipeline.api.middleware.origins import names_of_this_machine
from training_pipeline.domain.errors import PipelineError, Unavailable
from training_pipeline.settings import Settings

_log = logging.getLogger(__name__)
REFUSED: Final[Message] = {"type": "websocket.close", "code": 1008, "reason": "no session"}
GONE: Final[Message] = {"type": "websocket.disconnect", "code": 1008, "reason": "the session has ended"}


class Sockets:
    """ASGI middleware: calls `require` when a websocket opens, and again while it is open; what it raises ends it."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        require: Callable[[HTTPConnection], Awaitable[object]],
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._app = app
        self._require = require
        self._look_seconds = look_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        # A scope of its own: what is mounted on the app puts itself into the one that it is given.
        connection = HTTPConnection(dict(scope))
        try:
            await self._require(connection)
        except PipelineError:
            await send(REFUSED)
            return
        socket = _Watched(receive, send)
        watching = asyncio.create_task(self._watch(connection, socket))
        try:
            await self._app(scope, socket.receive, socket.send)
        finally:
            watching.cancel()
            socket.over.cancel()

    async def _watch(self, connection: HTTPConnection, socket: _Watched) -> None:
        while True:
            await asyncio.sleep(self._look_seconds)
            try:
                await self._require(connection)
            except Unavailable:  # then nothing can be done through the socket either
                continue
            except PipelineError:
                break
            except Exception:  # noqa: BLE001 - logged, and access is denied
                _log.exception("a websocket is closed: its session could not be checked")
                break
        await socket.close()


class PageSockets(Sockets):
    """The same for pages, whose websockets need their session. The API has none."""

    def __init__(self, app: ASGIApp, *, api: FastAPI, settings: Settings, look_seconds: float = LOOK_SECONDS) -> None:
        self._api = api
        self._open = settings.auth == "none"
        self._names = names_of_this_machine()
        self._trusted = settings.trusted_origins
        super().__init__(app, require=self._ask, look_seconds=look_seconds)

    async def _ask(self, connection: HTTPConnection) -> None:
        connection.scope["app"] = self._api
        require_same_origin(connection, self._trusted, here_only=self._open, names=self._names, writes=True)
        await to_thread.run_sync(self._api.state.authenticate_page, connection)


class _Watched:
    """A websocket that can be closed for both sides."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def receive(self) -> Message:
        """The next message; that the client has gone, once it is over."""
        incoming = asyncio.ensure_future(self._receive())
        either: set[asyncio.Future[Any]] = {incoming, self.over}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            return GONE if self.over.done() else incoming.result()
        finally:
            incoming.cancel()

    async def send(self, message: Message) -> None:
        """Send a message; nothing, once it is over."""
        if not self.over.done():
            await self._send(message)

    async def close(self) -> None:
        """End it."""
        if not self.over.done():
            self.over.set_result(None)
            await self._send(REFUSED)
