"""uvicorn, adapted to streams and to slow clients: it ends streams on shutdown, and notices clients that are gone."""

from __future__ import annotations

import gc
import socket
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from training_pipeline.api.head_limit import LONGEST_HEAD
from training_pipeline.api.header_deadline import protocol

#: A client that has confirmed nothing of what it was sent for this long is gone, or has stopped reading for good.
CLIENT_MILLISECONDS: Final = 90_000
#: uvicorn refuses whatever is more than this, without a word to the application.
CONNECTIONS: Final = 2000


class Server(uvicorn.Server):
    """Serves an app until SIGINT or SIGTERM. Then streams end at once, and other requests are finished."""

    def __init__(
        self, app: FastAPI, *, trusted_proxies: str | None = None, outermost: ASGIApp | None = None, **options: Any
    ) -> None:
        """`outermost` is the app behind a middleware of its own that knows the proxies."""
        super().__init__(
            uvicorn.Config(
                outermost or app,
                http=protocol(trusted_proxies, read_seconds=CLIENT_MILLISECONDS / 1000),
                log_config=None,  # whoever serves has set up logs
                access_log=False,  # every request has a line of ours
                server_header=False,
                proxy_headers=trusted_proxies is not None
                and outermost is None,  # what a client says about itself is not believed
                forwarded_allow_ips=trusted_proxies,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=10,
                limit_concurrency=CONNECTIONS,
                h11_max_incomplete_event_size=LONGEST_HEAD,
                **options,
            )
        )
        self._app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        # What was loaded stays until the end. Looked through at each full collection, it held up requests for 0.1 s.
        gc.collect()
        gc.freeze()
        for listening in [found for server in self.servers for found in server.sockets]:
            if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; what is accepted inherits it
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, CLIENT_MILLISECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End streams, for uvicorn waits until they have ended; then everything else."""
        self._app.state.live.end()
        await super().shutdown(sockets)
