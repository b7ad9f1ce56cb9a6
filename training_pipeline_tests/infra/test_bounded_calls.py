from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from training_pipeline.infra.bounded_calls import MOST_HANGING, BoundedCalls


@pytest.fixture
def over() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_an_answer_goes_to_one_taker() -> None:
    calls: BoundedCalls[int, str] = BoundedCalls(2, hung_after=60)
    call = calls.begin("a", 1, lambda: "done")
    assert call is not None
    assert calls.begin("a", 2, lambda: "again") is call
    assert call.answer.result(5) == "done"
    assert calls.take(call)
    assert not calls.take(call)
    assert not calls.is_under_way("a")


def test_what_a_call_raises_is_its_answer() -> None:
    calls: BoundedCalls[None, str] = BoundedCalls(1, hung_after=60)
    call = calls.begin("a", None, lambda: str(1 // 0))
    assert call is not None
    assert isinstance(call.answer.exception(5), ZeroDivisionError)


def test_calls_wait_for_their_turn_until_one_is_done(over: threading.Event) -> None:
    calls: BoundedCalls[None, bool] = BoundedCalls(2, hung_after=60)
    begun = [calls.begin(key, None, lambda: over.wait(30)) for key in "ab"]
    assert calls.begin("c", None, lambda: True) is None
    calls.wait(0.01)
    over.set()
    for call in begun:
        assert call is not None
        assert call.answer.result(5)
    assert calls.begin("c", None, lambda: True) is not None


def test_calls_that_hang_give_up_their_turns_until_too_many_do(over: threading.Event) -> None:
    calls: BoundedCalls[None, bool] = BoundedCalls(2, hung_after=0.0)
    begun = [calls.begin(str(number), None, lambda: over.wait(30)) for number in range(20)]
    assert [call is not None for call in begun] == [number < 2 * (1 + MOST_HANGING) for number in range(20)]
    assert len(calls.hanging()) == 2 * (1 + MOST_HANGING)
    assert calls.left() == []
    given_up = begun[0]
    assert given_up is not None
    given_up.given_up = True
    over.set()
    assert given_up.answer.result(5)
    assert calls.left() == [given_up]


def test_a_call_for_which_there_is_no_thread_is_none_and_may_begin_later(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: BoundedCalls[None, str] = BoundedCalls(1, hung_after=60)

    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refused)
        assert calls.begin("a", None, lambda: "done") is None
    assert not calls.is_under_way("a")
    call = calls.begin("a", None, lambda: "done")
    assert call is not None
    assert call.answer.result(5) == "done"
