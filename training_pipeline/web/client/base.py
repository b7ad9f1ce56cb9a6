"""How pages call the client of this installation: in threads, and once for all who ask the same at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from anyio import to_thread

from training_pipeline.api.single_flight import SingleFlight
from training_pipeline.api.turns import Turns, repeated
from training_pipeline.client.jobs.base import Created
from training_pipeline.client.local import LocalClient
from training_pipeline.domain.access import Caller

T = TypeVar("T")


@dataclass(frozen=True)
class PageCalls:
    """Calls of one caller. Raises what `LocalClient` does."""

    local: LocalClient
    flights: SingleFlight[Any]
    #: In which jobs are created, here and for the API.
    creates: Turns[Created]

    @property
    def caller(self) -> Caller:
        """Who looks at the page."""
        return self.local.caller

    async def shared(self, what: str, call: Callable[[], T]) -> T:
        """The answer to a question that many pages ask at the same moment, asked once for each role."""
        answer: T = await self.flights.run(f"{what} for {self.caller.role}", call, anew=True)
        return answer

    async def created(self, key: str, create: Callable[[], Created]) -> Created:
        """A new job when its turn has come, created once for all who ask with the same key."""
        made, _ = await self.creates.take(create, key=repeated(self.caller, key, ""))
        return made


async def thread(call: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """The answer of a call that blocks, made in a thread."""
    return await to_thread.run_sync(partial(call, *arguments, **named))
