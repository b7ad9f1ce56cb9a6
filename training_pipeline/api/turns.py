"""Turns at work of which only so much is done at the same time: the others wait in the order in which they came.

How many may wait, and for how long, is bounded: beyond that a request is told at once to come again, and nothing of it
was done. Whoever repeats a request that waits or is being worked on waits for its answer with it.

For one event loop: whoever waits holds a connection and no thread, so that many may. `infra.fair_turns` is for threads,
of which nobody gets all; `backends.local.asking_turns` is for all processes of an installation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from anyio import CapacityLimiter, move_on_after, to_thread

from training_pipeline.domain.access import Caller
from training_pipeline.domain.errors import Unavailable

T = TypeVar("T")

#: So many may wait for their turn; each is a connection and nothing more.
WAITING: Final = 200


class TooManyCreates(Unavailable):
    """As many jobs as may be are being created, and as many requests as may wait do."""

    code = "too_many_creates"


def repeated(caller: Caller, key: str | None, asked: str) -> tuple[str, ...] | None:
    """What a request and its repetitions have in common; null where it has no idempotency key.

    That is also who asks, as whom: what an answer allows depends on that.
    """
    return None if key is None else (caller.role, caller.name, key, asked)


class Turns(Generic[T]):
    """Calls in threads of their own, so that others always have one. To be used on one event loop."""

    def __init__(self, at_once: int, *, waiting: int = WAITING, wait_seconds: float) -> None:
        """`wait_seconds` is how many seconds one waits for its turn."""
        self._limiter = CapacityLimiter(at_once)
        self._threads = CapacityLimiter(at_once)
        self._most = at_once + waiting
        self._wait_seconds = wait_seconds
        self._under_way = 0
        self._repeatable: dict[tuple[str, ...], asyncio.Task[T]] = {}

    async def take(self, call: Callable[[], T], *, key: tuple[str, ...] | None = None) -> tuple[T, bool]:
        """What `call` returns or raises when its turn has come, and whether somebody else's call was joined.

        That is one with the same `key` which waits or is at work. Raises `TooManyCreates` where the call was not begun
        and never will be.
        """
        others = self._repeatable.get(key) if key is not None else None
        if others is not None:
            return await asyncio.shield(others), True
        if self._under_way >= self._most:
            raise self._busy()
        self._under_way += 1
        ours = asyncio.create_task(self._turn(call))
        ours.add_done_callback(self._over)
        if key is not None:
            self._repeatable[key] = ours
            ours.add_done_callback(lambda _: self._repeatable.pop(key))
        # Shielded: that one of those who wait goes away must not end it for the others.
        return await asyncio.shield(ours), False

    async def _turn(self, call: Callable[[], T]) -> T:
        with move_on_after(self._wait_seconds) as waiting:
            await self._limiter.acquire()
        if waiting.cancelled_caught:
            raise self._busy()
        try:
            return await to_thread.run_sync(call, limiter=self._threads)
        finally:
            self._limiter.release()

    def _over(self, ours: asyncio.Task[T]) -> None:
        self._under_way -= 1
        if not ours.cancelled():
            ours.exception()  # all who asked may be gone: then nobody misses it

    def _busy(self) -> TooManyCreates:
        return TooManyCreates(
            f"{self._under_way} jobs are being created at this moment.",
            hint="Nothing was created for this request. Send it again in a moment, with the same Idempotency-Key.",
        )
