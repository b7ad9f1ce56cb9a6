"""A connection to one of uvicorn's protocols, without a socket."""

from __future__ import annotations

import asyncio
from typing import Any


class Transport(asyncio.Transport):
    """Keeps what is written to it, and tells the protocol when it is closed."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        """Connect."""
        super().__init__()
        self.written = b""
        self.closed = False
        self._protocol = protocol
        protocol.connection_made(self)

    def get_protocol(self) -> asyncio.Protocol:
        """The other side."""
        return self._protocol

    def write(self, data: Any) -> None:
        """Keep it."""
        self.written += data

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return self.closed

    def close(self) -> None:
        """Close, and tell so."""
        if not self.closed:
            self.closed = True
            self._protocol.connection_lost(None)

    abort = close
