"""Turns at work of which only so much is done at the same time, and of which nobody has all.

For the threads of one process: whoever waits holds a thread, so that few may, and turns go to whoever may have one, not
to whoever came first. `api.turns` is for an event loop, `backends.local.asking_turns` for several processes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

from training_pipeline.domain.errors import Unavailable


class FairTurns:
    """`at_once` turns, and `waiting` that may wait for one. Safe from several threads; whoever waits holds a thread.

    One person has at most all but one of the turns, and of the places to wait as well.
    """

    def __init__(
        self, at_once: int, *, waiting: int, wait_seconds: float, busy: Callable[[int, bool], Unavailable]
    ) -> None:
        """Whoever waits does so for `wait_seconds` seconds. `busy` makes the error of how many are at work, and whether
        they are this person's own.
        """
        self._at_once, self._waiting = at_once, waiting
        self._wait_seconds = wait_seconds
        self._busy = busy
        self._changed = Condition()
        self._at_work: Counter[str] = Counter()
        self._in_line: Counter[str] = Counter()

    @contextmanager
    def of(self, person: str, *, waits: bool) -> Iterator[None]:
        """A turn of this person; raises what `busy` makes where none is free, after a wait if `waits`."""
        with self._changed:
            if waits and _may_have(self._in_line, person, self._waiting):
                self._in_line[person] += 1
                try:
                    self._changed.wait_for(lambda: _may_have(self._at_work, person, self._at_once), self._wait_seconds)
                finally:
                    self._in_line -= Counter([person])
            if not _may_have(self._at_work, person, self._at_once):
                most = self._at_once
                is_full = self._at_work.total() >= most
                raise self._busy(most if is_full else _of_one(most), not is_full)
            self._at_work[person] += 1
        try:
            yield
        finally:
            with self._changed:
                self._at_work -= Counter([person])
                self._changed.notify_all()


def _may_have(held: Counter[str], person: str, most: int) -> bool:
    return held.total() < most and held[person] < _of_one(most)


def _of_one(most: int) -> int:
    return max(1, most - 1)
