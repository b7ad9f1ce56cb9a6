"""One call for all who ask for the same thing at the same moment, without a thread for each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from anyio import to_thread

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Calls that are under way in this process, by what they are about. To be used on one event loop."""

    def __init__(self) -> None:
        self._flights: dict[str, asyncio.Task[T]] = {}

    async def run(self, key: str, call: Callable[[], T]) -> T:
        """What `call` returns or raises, called in a thread; or what the one that is under way for `key` will."""
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(to_thread.run_sync(call))
            self._flights[key] = flight
            flight.add_done_callback(lambda _: self._flights.pop(key))
        # Shielded: that one of those who wait goes away must not end it for the others.
        return await asyncio.shield(flight)
