"""Slots: how many runs may train on this machine at the same time, and whose turn it is.

A slot is a file lock that the supervisor and its trainer hold together, so it is taken as long as anything trains in
it. A waiting run holds the lock of a ticket, a file named by the time it was submitted: the oldest ticket whose holder
lives is next.
"""

from __future__ import annotations

import os
from pathlib import Path

from training_pipeline.infra.file_lock import is_held, try_lock


def has_room(directory: Path, slots: int) -> bool:
    """Whether a run that came now would have a slot at once, as far as can be seen. Reads only."""
    return not is_wanted(directory) and not all(is_held(_slot(directory, number)) for number in range(1, slots + 1))


def is_wanted(directory: Path) -> bool:
    """Whether a run waits for a slot. Reads only."""
    return any(is_held(ticket) for ticket in directory.glob("*.ticket"))


def _slot(directory: Path, number: int) -> Path:
    return directory / f"slot-{number}.lock"


class Turn:
    """One run's place in the queue. Not shared between threads."""

    def __init__(self, directory: Path, *, slots: int, submitted_at: float, run_name: str) -> None:
        self._directory = directory
        self._slots = slots
        # Microseconds in twenty digits: names sort as times do.
        self._ticket = directory / f"{round(submitted_at * 1e6):020d}-{run_name}.ticket"
        self._held: int | None = None

    def take(self) -> int | None:
        """The descriptor that holds a slot's lock, or None if it is not this run's turn yet. Ask again later.

        Creates the directory, the ticket and the slots' files; the ticket is gone once the slot is taken.
        """
        self._directory.mkdir(mode=0o700, exist_ok=True)
        if self._held is None:
            self._held = try_lock(self._ticket)
        if self._held is None or self._older_waits():
            return None
        for number in range(1, self._slots + 1):
            slot = try_lock(_slot(self._directory, number))
            if slot is not None:
                self.leave()
                return slot
        return None

    def leave(self) -> None:
        """Give up the place in the queue. Idempotent."""
        if self._held is not None:
            self._ticket.unlink(missing_ok=True)
            os.close(self._held)
            self._held = None

    def _older_waits(self) -> bool:
        tickets = sorted(self._directory.glob("*.ticket"))
        return any(is_held(ticket) for ticket in tickets if ticket.name < self._ticket.name)
