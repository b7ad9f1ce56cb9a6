"""How long tests go on that make up their own input: a slice, the same each time, or for long and always anew.

`make soak` is the long way. It sets SOAK_TIMES to how many times the examples of the slice are to be tried. The seed is
left in the environment, so that all processes of a run draw from the same.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

#: 1 means the slice.
TIMES: Final = int(os.environ.get("SOAK_TIMES") or 1)
SOAKING: Final = TIMES > 1
#: What made-up input is drawn from: the same in the slice; printed at the start, and given again as SOAK_SEED.
SEED: Final = int(os.environ.setdefault("SOAK_SEED", str(secrets.randbelow(2**32) if SOAKING else 0)))


def examples(count: int) -> int:
    """How many examples to try of a test that has `count` of them in the slice."""
    return count * TIMES


def a_quarter(cells: Sequence[T], row: Callable[[T], object], column: Callable[[T], object]) -> list[T]:
    """A quarter of the cells of a table, by diagonals: of every row and of every column a quarter of its own. Pure."""
    rows, columns = list(dict.fromkeys(map(row, cells))), list(dict.fromkeys(map(column, cells)))
    return [one for one in cells if (rows.index(row(one)) + columns.index(column(one))) % 4 == 0]
