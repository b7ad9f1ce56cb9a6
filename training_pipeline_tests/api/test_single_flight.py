from __future__ import annotations

import asyncio
from threading import Event

from training_pipeline.api.single_flight import SingleFlight


class Read:
    """A call that waits to be let go on, and answers with its number."""

    def __init__(self) -> None:
        self.begun, self.let, self.calls = Event(), Event(), 0

    def __call__(self) -> int:
        self.calls += 1
        number = self.calls
        self.begun.set()
        assert self.let.wait(120)
        return number


def test_whoever_asks_while_it_is_under_way_gets_its_answer() -> None:
    async def ask() -> None:
        flights, read = SingleFlight[int](), Read()
        first = asyncio.create_task(flights.run("job", read))
        await asyncio.to_thread(read.begun.wait, 20)
        second = asyncio.create_task(flights.run("job", read))
        await asyncio.sleep(0)
        read.let.set()
        assert list(await asyncio.gather(first, second)) == [1, 1]
        assert await flights.run("job", read) == 2
        assert flights._flights == {}

    asyncio.run(ask())


def test_whoever_asks_anew_is_not_answered_with_what_was_read_before() -> None:
    async def ask() -> None:
        flights, read = SingleFlight[int](), Read()
        first = asyncio.create_task(flights.run("job", read, anew=True))
        await asyncio.to_thread(read.begun.wait, 20)
        late = [asyncio.create_task(flights.run("job", read, anew=True)) for _ in range(3)]
        await asyncio.sleep(0)  # all of them have asked; none of their calls has begun
        read.let.set()
        assert await asyncio.gather(first, *late) == [1, 2, 2, 2]
        assert flights._flights == {}

    asyncio.run(ask())


def test_those_who_ask_at_the_same_moment_are_answered_with_one_call() -> None:
    async def ask() -> None:
        flights, read = SingleFlight[int](), Read()
        read.let.set()
        assert await asyncio.gather(*(flights.run("job", read, anew=True) for _ in range(50))) == [1] * 50

    asyncio.run(ask())
