"""How long tests go on that make up their own input, or have many cases: a slice, or the whole and always anew.

`make soak` is the long way. It sets SOAK_TIMES to how many times the examples of the slice are to be tried. Which cases
the slice has follows from the commit, so that the gates of many commits try all of them, and each can be tried again.
The seed is left in the environment, so that all processes of a run draw from the same.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")

#: 1 means the slice.
TIMES: Final = int(os.environ.get("SOAK_TIMES") or 1)
SOAKING: Final = TIMES > 1


def _of_the_commit() -> int:
    """A number that is the same for a commit, and another for the next; 0 where there is no repository."""
    command = ["git", "rev-parse", "--short=8", "HEAD"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    return int(done.stdout[:8], 16)


#: What is drawn from; printed at the start, and where a test failed. Given as SOAK_SEED, it draws the same again.
SEED: Final = int(os.environ.setdefault("SOAK_SEED", str(secrets.randbelow(2**32) if SOAKING else _of_the_commit())))


def examples(count: int, *, gate: int | None = None) -> int:
    """How many examples to try of a test that has `count` of them, or `gate` in the slice where that is fewer."""
    return count * TIMES if SOAKING or gate is None else gate


def drawn(cases: Sequence[T], seed: int = SEED, *, whole: bool = SOAKING) -> list[T]:
    """One of the cases, or the `whole`."""
    return list(cases) if whole else [cases[seed % len(cases)]]


def share(cases: Sequence[T], parts: int, seed: int = SEED, *, whole: bool = SOAKING) -> list[T]:
    """One of `parts` parts of the cases, or the `whole`."""
    return [one for place, one in enumerate(cases) if whole or (place - seed) % parts == 0]


def diagonals(
    cells: Sequence[T], part: int, row: Callable[[T], object], column: Callable[[T], object], seed: int = SEED
) -> list[T]:
    """One of `part` parts of the cells of a table, some of each row and of each column that has as many."""
    rows, columns = list(dict.fromkeys(map(row, cells))), list(dict.fromkeys(map(column, cells)))
    return [one for one in cells if (rows.index(row(one)) + columns.index(column(one)) - seed) % part == 0]
