"""Waiting for something without sleeping longer than it takes."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(
    condition: Callable[[], object],
    *,
    seconds: float = 90.0,
    what: str = "the condition",
    pause: Callable[[], object] = lambda: time.sleep(0.02),
) -> None:
    """Return as soon as `condition()` is true; fail after `seconds`. `pause` waits before each further look.

    The limit tells what never comes from what comes late on a busy machine, so it is generous.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds} s")
        pause()
