"""One call for all who ask for the same thing at the same moment, without a thread for each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Calls that are under way in this process, by what they are about. To be used on one event loop.

    `limiter` says how many may be under way, where that is not what all threads have in common.
    """

    def __init__(self, limiter: CapacityLimiter | None = None) -> None:
        self._limiter = limiter
        self._flights: dict[str, asyncio.Task[T]] = {}

    async def run(self, key: str, call: Callable[[], T]) -> T:
        """What `call` returns or raises, called in a thread; or what the one that is under way for `key` will."""
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(to_thread.run_sync(call, limiter=self._limiter))
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        # Shielded: that one of those who wait goes away must not end it for the others.
        return await asyncio.shield(flight)

    def _landed(self, key: str, flight: asyncio.Task[T]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # all who asked may be gone: then nobody misses it
