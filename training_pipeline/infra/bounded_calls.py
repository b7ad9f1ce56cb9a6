"""Calls that may hang, in threads of which there are never more than a bound.

A thread cannot be ended from outside. So whoever started a call may give it up, and it goes on in its thread; one that
has hung for long gives its turn to another call, until too many hang.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

S = TypeVar("S")
T = TypeVar("T")

#: For each call that may be at work, so many more may hang.
MOST_HANGING: Final = 3


@dataclass(eq=False)
class Call(Generic[S, T]):
    """A call that was started and whose answer nobody has taken yet. `subject` is what the caller knows it by."""

    key: str
    subject: S
    answer: Future[T] = field(default_factory=Future)
    started: float = field(default_factory=time.monotonic)
    given_up: bool = False
    told: bool = False


class BoundedCalls(Generic[S, T]):
    """At most `most` calls at work, and three times as many that have been at it for longer than `hung_after` seconds.

    One call a key. Safe to use from any thread. The threads are daemons: they never keep a process from its end.
    """

    def __init__(self, most: int, *, hung_after: float) -> None:
        self._most = most
        self._hung_after = hung_after
        self._lock = threading.Lock()
        self._calls: dict[str, Call[S, T]] = {}
        #: All of them that have no answer yet, and some that have: there may be thousands of those.
        self._begun: set[Call[S, T]] = set()

    def begin(self, key: str, subject: S, call: Callable[[], T]) -> Call[S, T] | None:
        """Start a call, or return the one that is known by `key` already; None while there is no thread for it."""
        with self._lock:
            if key in self._calls:
                return self._calls[key]
            at_work = self._unanswered()
            hanging = sum(map(self._hangs, at_work))
            if len(at_work) - hanging >= self._most or len(at_work) >= self._most * (1 + MOST_HANGING):
                return None
            begun = self._calls[key] = Call[S, T](key, subject)
            self._begun.add(begun)
        thread = threading.Thread(target=_answer, args=(begun.answer, call), name=f"call-{key}", daemon=True)
        try:
            thread.start()
        except BaseException as error:
            with self._lock:
                del self._calls[key]  # or the call would be under way for ever
                self._begun.discard(begun)
            if isinstance(error, RuntimeError):  # "can't start new thread": the machine has no more
                return None
            raise
        return begun

    def take(self, call: Call[S, T]) -> bool:
        """Make the answer of a finished call the caller's to use; false if somebody else has taken it."""
        with self._lock:
            return self._calls.get(call.key) is call and self._calls.pop(call.key) is call

    def is_under_way(self, key: str) -> bool:
        """Whether a call with this key is at work, or was given up and has an answer that nobody took."""
        with self._lock:
            return key in self._calls

    def left(self) -> list[Call[S, T]]:
        """Calls that were given up and have an answer now."""
        with self._lock:
            return [call for call in self._calls.values() if call.given_up and call.answer.done()]

    def hanging(self) -> list[Call[S, T]]:
        """Calls that have been at it for longer than `hung_after` seconds."""
        with self._lock:
            return [call for call in self._unanswered() if self._hangs(call)]

    def wait(self, seconds: float) -> None:
        """Return as soon as any call is finished, or after `seconds`."""
        with self._lock:
            at_work = [call.answer for call in self._unanswered()]
        if at_work:
            wait(at_work, timeout=seconds, return_when=FIRST_COMPLETED)

    def _unanswered(self) -> set[Call[S, T]]:
        """The calls at work. The lock must be held."""
        self._begun = {call for call in self._begun if not call.answer.done()}
        return self._begun

    def _hangs(self, call: Call[S, T]) -> bool:
        return not call.answer.done() and time.monotonic() - call.started > self._hung_after


def _answer(answer: Future[T], call: Callable[[], T]) -> None:
    try:
        answer.set_result(call())
    except BaseException as error:  # noqa: BLE001 - it is raised again where the answer is taken
        answer.set_exception(error)
