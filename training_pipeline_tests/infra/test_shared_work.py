from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest

from training_pipeline.infra.shared_work import SharedWork
from training_pipeline.testing.polling import until


class Work:
    """Work that waits to be let go on, and answers with its number, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun, self.let, self.calls, self.error = Event(), Event(), 0, error

    def __call__(self) -> int:
        self.calls += 1
        number = self.calls
        self.begun.set()
        assert self.let.wait(120)
        if self.error is not None:
            raise self.error
        return number


def together(pool: ThreadPoolExecutor, ask: Callable[[], int], work: Work) -> list[Future[int]]:
    """One who has begun the work, and others who ask for it meanwhile."""
    first = pool.submit(ask)
    assert work.begun.wait(120)
    others = [pool.submit(ask) for _ in range(5)]
    return [first, *others]


def test_work_that_many_ask_for_at_once_is_done_once_and_what_came_of_it_kept() -> None:
    shared, work = SharedWork[int](2), Work()
    with ThreadPoolExecutor(6) as pool:
        asking = together(pool, lambda: shared.of("sheet", work), work)
        work.let.set()
        assert [one.result(20) for one in asking] == [1] * 6
    assert shared.of("sheet", work) == 1 == shared.known("sheet")
    assert shared.of("another", work) == 2


def test_all_who_wait_are_told_of_a_failure_and_whoever_asks_next_has_it_done_anew() -> None:
    shared, work = SharedWork[int](2), Work(OSError("no such disk"))
    with ThreadPoolExecutor(6) as pool:
        asking = together(pool, lambda: shared.of("sheet", work), work)
        until(lambda: all(one.running() or one.done() for one in asking), what="that all ask")
        work.let.set()
        for one in asking:
            with pytest.raises(OSError, match="no such disk"):
                one.result(20)
    work.error, before = None, work.calls
    assert shared.of("sheet", work) == before + 1


def test_what_was_asked_for_longest_ago_is_forgotten() -> None:
    shared = SharedWork[str](2)
    for key in ("a", "b"):
        shared.of(key, lambda key=key: key)  # type: ignore[misc]
    assert shared.known("a") == "a"
    shared.of("c", lambda: "c")
    assert (shared.known("a"), shared.known("b"), shared.known("c")) == ("a", None, "c")


def test_an_answer_that_is_not_to_be_kept_is_only_for_those_who_wait() -> None:
    shared, work = SharedWork[int](2), Work()
    with ThreadPoolExecutor(6) as pool:
        asking = together(pool, lambda: shared.of("sheet", work, keep=False), work)
        work.let.set()
        assert asking[0].result(20) == 1
    assert shared.known("sheet") is None
    assert shared.of("sheet", work, keep=False) == work.calls
    shared.remember("sheet", 7)
    assert shared.of("sheet", work) == 7
