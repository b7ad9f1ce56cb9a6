"""Turns at receiving and reading uploads: so many at once, of which nobody has all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from training_pipeline.domain.errors import Unavailable


class TooManyUploads(Unavailable):
    """As many uploads as may be at once are being received or read, by all or by this person."""

    code = "too_many_uploads"


class UploadTurns:
    """`at_once` turns. One person has at most all but one of them, and may wait for as many. Safe from several threads.

    So others always find one, and their threads.
    """

    def __init__(self, at_once: int, *, patience: float) -> None:
        """Whoever waits does so for `patience` seconds."""
        self._at_once = at_once
        self._of_one = max(1, at_once - 1)
        self._patience = patience
        self._changed = Condition()
        self._held: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()

    @contextmanager
    def of(self, person: str, *, waits: bool) -> Iterator[None]:
        """A turn of this person; raises `TooManyUploads` where none is free, after a wait if `waits`."""
        with self._changed:
            if waits and self._waiting[person] < self._of_one:
                self._waiting[person] += 1
                try:
                    self._changed.wait_for(lambda: self._refusal(person) is None, self._patience)
                finally:
                    self._waiting = self._waiting - Counter([person])
            why = self._refusal(person)
            if why is not None:
                raise TooManyUploads(why, hint="Try again in a minute.")
            self._held[person] += 1
        try:
            yield
        finally:
            with self._changed:
                self._held = self._held - Counter([person])
                self._changed.notify_all()

    def _refusal(self, person: str) -> str | None:
        if self._held.total() >= self._at_once:
            return f"{self._at_once} files are being uploaded or read at this moment."
        if self._held[person] >= self._of_one:
            return (
                f"{self._of_one} of your files are being uploaded or read at this moment, as many as one person's may."
            )
        return None
