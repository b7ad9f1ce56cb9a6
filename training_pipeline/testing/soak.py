"""How long tests go on that make up their own input: a slice, the same each time, or for long and always anew.

`make soak` is the long way. It sets SOAK_TIMES to how many times the examples of the slice are to be tried.
"""

from __future__ import annotations

import os
from typing import Final

#: 1 means the slice.
TIMES: Final = int(os.environ.get("SOAK_TIMES") or 1)
SOAKING: Final = TIMES > 1


def examples(count: int) -> int:
    """How many examples to try of a test that has `count` of them in the slice."""
    return count * TIMES
