from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from threading import Event, Lock

import pytest

from training_pipeline.api.turns import TooManyCreates, Turns, repeated
from training_pipeline.domain.access import Caller, Role


class Creates:
    """Calls that wait to be let go on, and how many were at work at once."""

    def __init__(self) -> None:
        self.let, self.lock, self.begun, self.at_work, self.most = Event(), Lock(), list[int](), 0, 0
        self.changed = Event()

    def numbered(self, number: int) -> Callable[[], int]:
        def create() -> int:
            with self.lock:
                self.begun.append(number)
                self.at_work += 1
                self.most = max(self.most, self.at_work)
                self.changed.set()
            assert self.let.wait(120)
            with self.lock:
                self.at_work -= 1
            return number

        return create


async def begun(creates: Creates, number: int) -> None:
    """Wait until so many have begun."""
    while len(creates.begun) < number:
        creates.changed.clear()
        if len(creates.begun) < number:
            assert await asyncio.to_thread(creates.changed.wait, 20)


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run it on an event loop of its own."""

    async def whole() -> None:
        await test()

    asyncio.run(whole())


def test_only_so_many_are_at_work_and_the_others_come_in_order() -> None:
    async def ask() -> None:
        turns, creates = Turns[int](1, wait_seconds=120), Creates()
        asking = [asyncio.create_task(turns.take(creates.numbered(number))) for number in range(40)]
        await begun(creates, 1)
        creates.let.set()
        assert [answer for answer, _ in await asyncio.gather(*asking)] == list(range(40))
        assert (creates.begun, creates.most) == (list(range(40)), 1)

    run(ask)


def test_as_many_as_may_are_at_work() -> None:
    async def ask() -> None:
        turns, creates = Turns[int](3, wait_seconds=120), Creates()
        asking = [asyncio.create_task(turns.take(creates.numbered(number))) for number in range(9)]
        await begun(creates, 3)
        assert sorted(creates.begun) == [0, 1, 2]
        creates.let.set()
        await asyncio.gather(*asking)
        assert creates.most == 3

    run(ask)


def test_one_more_than_may_wait_is_told_at_once_and_has_its_turn_later() -> None:
    async def ask() -> None:
        turns, creates = Turns[int](1, waiting=2, wait_seconds=120), Creates()
        asking = [asyncio.create_task(turns.take(creates.numbered(number))) for number in range(3)]
        await begun(creates, 1)
        with pytest.raises(TooManyCreates, match="3 jobs are being created"):
            await turns.take(creates.numbered(3))
        creates.let.set()
        await asyncio.gather(*asking)
        assert await turns.take(creates.numbered(3)) == (3, False)
        assert creates.begun == [0, 1, 2, 3]

    run(ask)


def test_whoever_waited_too_long_is_told_and_is_never_begun() -> None:
    async def ask() -> None:
        turns, creates = Turns[int](1, wait_seconds=0.05), Creates()
        first = asyncio.create_task(turns.take(creates.numbered(0)))
        await begun(creates, 1)
        with pytest.raises(TooManyCreates):
            await turns.take(creates.numbered(1), key=("k",))
        creates.let.set()
        assert await first == (0, False)
        assert creates.begun == [0]
        assert await turns.take(creates.numbered(1), key=("k",)) == (1, False)

    run(ask)


def test_a_repetition_joins_the_one_that_waits_or_is_at_work() -> None:
    async def ask() -> None:
        turns, creates = Turns[int](1, waiting=1, wait_seconds=120), Creates()
        asking = [asyncio.create_task(turns.take(creates.numbered(0), key=("a",)))]
        await begun(creates, 1)
        asking.append(asyncio.create_task(turns.take(creates.numbered(1), key=("b",))))
        await asyncio.sleep(0)
        asking += [asyncio.create_task(turns.take(creates.numbered(9), key=(key,))) for key in "abab"]
        await asyncio.sleep(0)
        asking[1].cancel()  # whoever asked first is gone; those who joined are not
        creates.let.set()
        answers = await asyncio.gather(*asking, return_exceptions=True)
        assert isinstance(answers.pop(1), asyncio.CancelledError)
        assert answers == [(0, False), (0, True), (1, True), (0, True), (1, True)]
        assert creates.begun == [0, 1]
        assert await turns.take(creates.numbered(2), key=("a",)) == (2, False)

    run(ask)


def test_a_failure_is_told_to_all_and_frees_the_turn() -> None:
    def refuse() -> int:
        raise ValueError("refused")

    async def ask() -> None:
        turns, creates = Turns[int](1, wait_seconds=120), Creates()
        creates.let.set()
        together = [asyncio.create_task(turns.take(refuse, key=("a",))) for _ in range(2)]
        for answer in await asyncio.gather(*together, return_exceptions=True):
            assert str(answer) == "refused"
        assert await turns.take(creates.numbered(1), key=("a",)) == (1, False)

    run(ask)


def test_a_repetition_is_of_the_same_caller_with_the_same_key_who_asks_for_the_same() -> None:
    ada = Caller("ada", Role.OPERATOR)
    assert repeated(ada, None, "x") is None
    alike = [repeated(ada, "k", "x"), repeated(Caller("ada", Role.OPERATOR), "k", "x")]
    others = [
        repeated(Caller("bob", Role.OPERATOR), "k", "x"),
        repeated(Caller("ada", Role.ADMIN), "k", "x"),
        repeated(ada, "l", "x"),
        repeated(ada, "k", "y"),
    ]
    assert alike[0] == alike[1]
    assert len({*alike, *others}) == 5
