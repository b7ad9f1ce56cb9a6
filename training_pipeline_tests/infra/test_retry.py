from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.infra.retry import RetryPolicy

POLICY = RetryPolicy(first=2.0, longest=300.0)


@given(st.integers(1, 10**9))
def test_pauses_double_and_stay_bounded(failures: int) -> None:
    assert 2.0 <= POLICY.pause(failures) <= POLICY.pause(failures + 1) <= 300.0
    assert POLICY.pause(failures + 1) in {2 * POLICY.pause(failures), 300.0}


def test_without_a_longest_pause_it_grows_for_ever() -> None:
    assert RetryPolicy(first=1.0).pause(10**6) == math.inf
    assert RetryPolicy(first=1.0, factor=1.0).pause(10**6) == 1.0


@given(st.integers(1, 50))
def test_jitter_only_lengthens_a_pause(failures: int) -> None:
    policy = RetryPolicy(first=2.0, longest=300.0, jitter=0.25)
    assert POLICY.pause(failures) <= policy.pause(failures) <= 1.25 * POLICY.pause(failures)
    assert policy.waited(failures) == POLICY.waited(failures)


def test_it_gives_up_after_its_attempts_or_where_the_pauses_reach_its_deadline() -> None:
    assert not POLICY.gives_up(10**4)
    attempts = RetryPolicy(first=1.0, attempts=3)
    assert [attempts.gives_up(failures) for failures in (1, 2, 3, 4)] == [False, False, True, True]
    deadline = RetryPolicy(first=1.0, deadline=7.0)  # pauses of 1, 2 and 4 s
    assert [deadline.gives_up(failures) for failures in (1, 2, 3, 4)] == [False, False, False, True]


class Flaky:
    """Fails so many times, with one error each."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.pauses: list[float] = []

    def __call__(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "answer"

    def under(self, policy: RetryPolicy) -> str:
        return policy.call(self, when=lambda error: isinstance(error, OSError), sleep=self.pauses.append)


def test_a_call_is_repeated_after_the_pauses() -> None:
    flaky = Flaky(OSError("1"), OSError("2"))
    assert flaky.under(RetryPolicy(first=0.5, attempts=4)) == "answer"
    assert flaky.pauses == [0.5, 1.0]


def test_the_last_failure_is_raised_as_it_is() -> None:
    flaky = Flaky(OSError("1"), OSError("2"), OSError("3"))
    with pytest.raises(OSError, match="3"):
        flaky.under(RetryPolicy(first=0.5, attempts=3))
    assert flaky.pauses == [0.5, 1.0]


def test_another_error_is_raised_at_once() -> None:
    flaky = Flaky(ValueError("ours"))
    with pytest.raises(ValueError, match="ours"):
        flaky.under(RetryPolicy(first=0.5, attempts=3))
    assert flaky.pauses == []


@given(st.integers(1, 6), st.floats(0.0, 10.0), st.floats(1.0, 4.0))
def test_the_pauses_are_those_of_a_call_that_always_fails(attempts: int, first: float, factor: float) -> None:
    policy = RetryPolicy(first=first, factor=factor, attempts=attempts)
    slept: list[float] = []

    def fails() -> None:
        raise OSError

    with pytest.raises(OSError):
        policy.call(fails, when=lambda _: True, sleep=slept.append)
    assert list(policy.pauses()) == slept
    assert len(slept) == attempts - 1


@given(st.lists(st.one_of(st.none(), st.floats(0.0, 50.0)), max_size=8), st.floats(1.0, 200.0))
def test_the_other_sides_pause_takes_the_place_of_ours_and_counts_towards_the_deadline(
    stated: list[float | None], deadline: float
) -> None:
    policy = RetryPolicy(first=1.0, deadline=deadline)
    calls: list[int] = []
    slept: list[float] = []

    def fails() -> None:
        calls.append(1)
        if len(calls) <= len(stated):
            raise OSError

    wanted = [policy.pause(number) if pause is None else pause for number, pause in enumerate(stated, start=1)]
    kept = list(itertools.takewhile(lambda number: sum(wanted[: number + 1]) <= deadline, range(len(wanted))))
    try:
        policy.call(fails, when=lambda _: True, stated=lambda: stated[len(calls) - 1], sleep=slept.append)
    except OSError:
        assert len(kept) < len(wanted)
    else:
        assert len(kept) == len(wanted)
    assert slept == wanted[: len(kept)]


def test_pauses_without_end_are_not_listed() -> None:
    with pytest.raises(ValueError, match="no end"):
        RetryPolicy(first=1.0).pauses()
