"""Whose turn it is to ask models of this machine: one question a person, a few at a time, in the order they came.

Everything is file locks, so that it holds for every process of an installation, and who dies leaves the line. Where one
process does the work, `infra.fair_turns` and `api.turns` do without files.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training_pipeline.backends.asking import AskLimits
from training_pipeline.backends.local.slots import Turn
from training_pipeline.domain.access import person
from training_pipeline.domain.errors import Conflict
from training_pipeline.infra.file_lock import is_held, try_lock

#: Seconds between two looks at whose turn it is.
_TICK_SECONDS: Final = 0.1
#: A ticket that nobody holds, and older than this, is of a process that was killed while it waited.
_LEFT_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Place:
    """Somebody's turn: a folder of its own, the locks that say so, and how long it was waited for."""

    work: Path
    locks: tuple[int, ...]
    waited: float


@contextmanager
def turn(home: Path, asked_by: str, limits: AskLimits) -> Iterator[Place]:
    """This person's turn, once it has come. Its folder is empty, and gone afterwards.

    Raises `Conflict` where the person is asking already, where too many wait, and where the turn does not come in time.
    """
    began = time.monotonic()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    _clear(home)
    name = hashlib.sha256(person(asked_by).encode()).hexdigest()[:32]
    work = home / f"{name}.work"
    with ExitStack() as stack:
        mine = try_lock(home / f"{name}.lock")
        if mine is None:
            raise Conflict(
                f"{asked_by} is asking the playground another question.",
                hint="Each person asks one at a time: wait for its answer.",
            )
        stack.callback(os.close, mine)
        slot = _slot(home / "turns", limits, began)
        stack.callback(os.close, slot)
        stack.callback(shutil.rmtree, work, ignore_errors=True)
        shutil.rmtree(work, ignore_errors=True)  # of a process that was killed
        work.mkdir(mode=0o700)
        yield Place(work, (mine, slot), time.monotonic() - began)


def _slot(turns: Path, limits: AskLimits, began: float) -> int:
    place = Turn(turns, slots=limits.at_once, submitted_at=time.time(), run_name=secrets.token_hex(4))
    try:
        while True:
            slot = place.take()
            if slot is not None:
                return slot
            ahead = _ahead(turns)
            if ahead > limits.waiting:
                raise Conflict(
                    f"{limits.waiting} {'person waits' if limits.waiting == 1 else 'people wait'} for the playground "
                    "already: that is as many as may.",
                    hint="Try again in a moment. TRAINING_PIPELINE_PLAYGROUND_WAITING says how many may wait.",
                )
            if time.monotonic() - began > limits.wait_seconds:
                raise Conflict(
                    f"Others asked the playground first, and it was not your turn within {limits.wait_seconds:g} s.",
                    hint="Try again in a moment.",
                )
            time.sleep(_TICK_SECONDS)
    finally:
        place.leave()


def _ahead(turns: Path) -> int:
    """How many wait, this one included."""
    return sum(is_held(ticket) for ticket in turns.glob("*.ticket"))


def _clear(home: Path) -> None:
    """Remove what killed processes left: folders of people who do not ask now, and old tickets that nobody holds."""
    for work in home.glob("*.work"):
        lock = try_lock(work.with_suffix(".lock"))
        if lock is not None:
            shutil.rmtree(work, ignore_errors=True)
            os.close(lock)
    for ticket in (home / "turns").glob("*.ticket"):
        with suppress(FileNotFoundError):
            if time.time() - ticket.stat().st_mtime > _LEFT_SECONDS and not is_held(ticket):
                ticket.unlink()
