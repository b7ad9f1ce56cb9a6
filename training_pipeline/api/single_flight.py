"""Shares one call among all who ask for the same thing at the same moment.

For one event loop, where those who wait hold no thread; nothing is kept, and whoever asks after a change can have a new
call. `infra.shared_work` is for threads, and keeps answers that do not change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Event
from typing import Generic, TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Calls that are under way in this process, by what they are about. To be used on one event loop.

    `limiter` says how many may be under way, where that is not what all threads have in common.
    """

    def __init__(self, limiter: CapacityLimiter | None = None) -> None:
        self._limiter = limiter
        #: With whether the call has begun; it may wait for a thread first.
        self._flights: dict[str, tuple[asyncio.Task[T], Event]] = {}

    async def run(self, key: str, call: Callable[[], T], *, anew: bool = False) -> T:
        """What `call` returns or raises, called in a thread; or what the one that is under way for `key` will.

        With `anew` never the answer of one that had begun before: whoever asks after a change is told of it.
        """
        flight, begun = self._flights.get(key, (None, None))
        if flight is None or (anew and begun is not None and begun.is_set()):
            flight = self._depart(key, call)
        # Shielded: that one of those who wait goes away must not end it for the others.
        return await asyncio.shield(flight)

    def _depart(self, key: str, call: Callable[[], T]) -> asyncio.Task[T]:
        begun = Event()

        def begin() -> T:
            begun.set()
            return call()

        flight = asyncio.create_task(to_thread.run_sync(begin, limiter=self._limiter))
        self._flights[key] = flight, begun
        flight.add_done_callback(lambda done: self._landed(key, done))
        return flight

    def _landed(self, key: str, flight: asyncio.Task[T]) -> None:
        if (latest := self._flights.get(key)) is not None and latest[0] is flight:
            del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # all who asked may be gone: then nobody misses it
