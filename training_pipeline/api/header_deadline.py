"""Connections that do not finish the headers of a request, do not read the answer, or ask nothing more: closed in time.

uvicorn waits for headers without end, and counts who makes it wait against the limit of connections for everybody. Here
who waits longest is closed first, once one address has too many such connections, or all together do. Those that were
answered and are kept open give way once there are nearly as many connections as the server holds.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar, Final, cast

from training_pipeline.api.head_limit import HeadLimit

HEADER_SECONDS: Final = 15.0
#: A client that has read nothing of what waits for it for this long is gone, or has stopped reading for good.
READ_SECONDS: Final = 90.0
PER_ADDRESS: Final = 100
#: Half of the connections that the server holds.
IN_ALL: Final = 1000
#: The share of them beyond which connections that were answered are closed.
CROWDED: Final = 0.75


class Incomplete:
    """The connections whose next request's headers are incomplete, in the order in which they began to wait."""

    def __init__(self, *, exempt: Callable[[str], bool], per_address: int = PER_ADDRESS, in_all: int = IN_ALL) -> None:
        """Addresses of proxies are `exempt` from the limit of one address: they stand for many clients."""
        self._exempt = exempt
        self._per_address = per_address
        self._in_all = in_all
        self._waiting: dict[asyncio.Transport, str] = {}
        self._of_address: dict[str, dict[asyncio.Transport, None]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, transport: asyncio.Transport, address: str) -> None:
        """Count a connection, and close the one that waits longest where there are too many."""
        self._waiting[transport] = address
        ours = self._of_address.setdefault(address, {})
        ours[transport] = None
        if len(ours) > self._per_address and not self._exempt(address):
            self._close(next(iter(ours)))
        if len(self._waiting) > self._in_all:
            self._close(next(iter(self._waiting)))

    def remove(self, transport: asyncio.Transport) -> None:
        """Count it no longer. Idempotent."""
        address = self._waiting.pop(transport, None)
        if address is not None:
            ours = self._of_address[address]
            ours.pop(transport, None)
            if not ours:
                del self._of_address[address]

    def _close(self, transport: asyncio.Transport) -> None:
        self.remove(transport)
        transport.abort()


class HeaderDeadline(HeadLimit):
    """uvicorn's protocol, with a limit and a deadline for the headers of each request and for reading what was sent."""

    incomplete: ClassVar[Incomplete]
    #: The connections on which everything is answered, in the order in which it was.
    answered: ClassVar[dict[asyncio.Transport, None]]
    seconds: ClassVar[float] = HEADER_SECONDS
    read_seconds: ClassVar[float] = READ_SECONDS

    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for headers, and make room for who comes next."""
        super().connection_made(cast("Any", transport))
        self._begin()
        if self.limit_concurrency is not None and len(self.connections) > CROWDED * self.limit_concurrency:
            self._close_an_answered_one()

    def data_received(self, data: bytes) -> None:
        """Stop to wait once a request has begun, and begin again with the first byte of the next one."""
        self.answered.pop(self.transport, None)
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before or self.transport.get_protocol() is not self:
            self._end()
        elif self.cycle is None or self.cycle.response_complete:
            self._begin()

    def on_response_complete(self) -> None:
        """Count it as answered, unless the next request has come already. It may still have to read the answer."""
        super().on_response_complete()
        if self.cycle.response_complete:
            self.answered[self.transport] = None

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(self.read_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop to wait: it has read."""
        self._stop_reading_deadline()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop to wait."""
        self._end()
        self.answered.pop(self.transport, None)
        self._stop_reading_deadline()
        super().connection_lost(exc)

    def _begin(self) -> None:
        if self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(self.seconds, self.transport.abort)
            self.incomplete.add(self.transport, self.client[0] if self.client else "")

    def _close_an_answered_one(self) -> None:
        if (oldest := next(iter(self.answered), None)) is not None:
            del self.answered[oldest]
            oldest.abort()

    def _stop_reading_deadline(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
            self.incomplete.remove(self.transport)


def protocol(
    trusted_proxies: str | None, *, seconds: float = HEADER_SECONDS, read_seconds: float = READ_SECONDS
) -> type[asyncio.Protocol]:
    """The protocol of one server. The proxies are stated as for uvicorn: addresses and networks, or `*`."""
    incomplete = Incomplete(exempt=is_one_of(trusted_proxies or ""))
    values = {"incomplete": incomplete, "answered": {}, "seconds": seconds, "read_seconds": read_seconds}
    return type("HeaderDeadlineOfOneServer", (HeaderDeadline,), values)


def is_one_of(stated: str) -> Callable[[str], bool]:
    """Whether an address is one of those that are stated. What is no address or network is not understood here."""
    names = [name.strip() for name in stated.split(",")]
    networks = []
    for name in names:
        with suppress(ValueError):
            networks.append(ipaddress.ip_network(name))

    def is_one(address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return "*" in names
        return "*" in names or any(found in network for network in networks)

    return is_one
