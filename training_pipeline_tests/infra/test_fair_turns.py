from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from training_pipeline.domain.errors import Unavailable
from training_pipeline.infra.fair_turns import FairTurns
from training_pipeline.testing.polling import until


def turns_of(at_once: int, *, waiting: int = 4, wait_seconds: float = 0.01) -> FairTurns:
    return FairTurns(
        at_once,
        waiting=waiting,
        wait_seconds=wait_seconds,
        busy=lambda most, is_own: Unavailable(f"{most} {'of yours' if is_own else 'of all'}"),
    )


def test_so_many_at_once_and_no_more() -> None:
    turns = turns_of(2)
    with turns.of("ada", waits=False), turns.of("bob", waits=False):
        for waits in (False, True):
            with pytest.raises(Unavailable, match="2 of all"), turns.of("eve", waits=waits):
                raise AssertionError
    with turns.of("eve", waits=False):
        pass


def test_one_person_cannot_have_them_all() -> None:
    turns = turns_of(4)
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(turns.of("ada", waits=False))
        for waits in (False, True):
            with pytest.raises(Unavailable, match="3 of yours"), turns.of("ada", waits=waits):
                raise AssertionError
        with turns.of("eve", waits=False):
            pass


@pytest.mark.parametrize("waits", [False, True])
def test_the_only_one_may_be_anybodys(waits: bool) -> None:
    with turns_of(1).of("ada", waits=waits):
        pass


def test_who_waits_has_the_turn_that_becomes_free_and_the_line_is_short() -> None:
    turns = turns_of(1, waiting=2, wait_seconds=60)

    def read(person: str) -> str:
        with turns.of(person, waits=True):
            return person

    with ThreadPoolExecutor(3) as pool:
        with turns.of("bob", waits=False):
            first = pool.submit(read, "ada")
            until(lambda: turns._in_line["ada"] == 1, what="the first in line")
            with pytest.raises(Unavailable), turns.of("ada", waits=True):  # she has all but one of the places
                raise AssertionError
            second = pool.submit(read, "eve")
            until(lambda: turns._in_line.total() == 2, what="the second in line")
            with pytest.raises(Unavailable), turns.of("zoe", waits=True):
                raise AssertionError
        assert {first.result(60), second.result(60)} == {"ada", "eve"}
    assert turns._in_line.total() == turns._at_work.total() == 0
