"""Work that many threads ask for at the same time: done once, and its answer kept for those who ask later.

For answers that stay true, by a key that says all they depend on. `api.single_flight` is for an event loop and for
answers that change.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedWork(Generic[T]):
    """Answers of work, by what it is about; the `most` newest are kept. Safe from several threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._under_way: dict[Hashable, Future[T]] = {}
        self._done: OrderedDict[Hashable, T] = OrderedDict()

    def known(self, key: Hashable) -> T | None:
        """The answer that is kept; null where there is none, or newer ones have taken its place."""
        with self._lock:
            if key in self._done:
                self._done.move_to_end(key)
            return self._done.get(key)

    def remember(self, key: Hashable, answer: T) -> None:
        """Keep an answer."""
        with self._lock:
            self._done[key] = answer
            self._done.move_to_end(key)
            while len(self._done) > self._most:
                self._done.popitem(last=False)

    def of(self, key: Hashable, work: Callable[[], T], *, keep: bool = True) -> T:
        """The answer that is kept, or that of the same work in another thread, or else of `work`.

        Raises what the work does, to all who wait for it; nothing is kept of that: whoever asks next has it done anew.
        Without `keep`, an answer is shared among those who ask while it is worked out, and kept for nobody else.
        """
        with self._lock:
            if key in self._done:
                self._done.move_to_end(key)
                return self._done[key]
            others = self._under_way.get(key)
            if others is None:
                ours: Future[T] = Future()
                self._under_way[key] = ours
        if others is not None:
            return others.result()
        try:
            answer = work()
            if keep:
                self.remember(key, answer)
        except BaseException as error:
            self._landed(key)
            ours.set_exception(error)
            raise
        self._landed(key)
        ours.set_result(answer)
        return answer

    def _landed(self, key: Hashable) -> None:
        with self._lock:
            del self._under_way[key]
