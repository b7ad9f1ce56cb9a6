"""How whatever failed is tried again: after pauses that grow, and not for ever. One policy for everybody.

Time is counted in pauses, not by the clock: hours in which nobody tried do not count.
"""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Pauses of `first`, then `factor` times as long each, at most `longest` seconds; given up after `attempts` or
    where the pauses add up to more than `deadline` seconds, without end where neither is set.

    `jitter` is the share of a pause that is added at random at most, so that many do not come back at once.
    """

    first: float
    factor: float = 2.0
    longest: float = math.inf
    jitter: float = 0.0
    attempts: int | None = None
    deadline: float | None = None

    def pause(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row, 1 or more."""
        return self._pause(failures) * (1 + random.uniform(0, self.jitter))  # noqa: S311 - no secret

    def waited(self, failures: int) -> float:
        """Seconds that the pauses after so many failures in a row add up to, at least."""
        return sum(self._pause(number) for number in range(1, failures + 1))

    def gives_up(self, failures: int) -> bool:
        """Whether so many failures in a row are the end, instead of another pause."""
        if self.attempts is not None and failures >= self.attempts:
            return True
        return self.deadline is not None and self.waited(failures) > self.deadline

    def pauses(self) -> tuple[float, ...]:
        """The pauses of what always fails, for a program that is told them. `ValueError` for those without end."""
        if self.attempts is None and self.deadline is None:
            raise ValueError("these pauses have no end")
        failures = itertools.takewhile(lambda number: not self.gives_up(number), itertools.count(1))
        return tuple(self.pause(number) for number in failures)

    def call(
        self,
        function: Callable[[], _T],
        *,
        when: Callable[[BaseException], bool],
        sleep: Callable[[float], None] = time.sleep,
    ) -> _T:
        """What `function` returns, called again after a failure for which `when`; raises the last failure as it is."""
        import tenacity  # only where calls are repeated: it brings asyncio, and commands start without

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(when),
            wait=lambda state: self.pause(state.attempt_number),
            stop=lambda state: self.gives_up(state.attempt_number),
            sleep=sleep,
            reraise=True,
        )
        return retrying(function)

    def _pause(self, failures: int) -> float:
        try:
            return min(self.first * float(self.factor) ** max(failures - 1, 0), self.longest)
        except OverflowError:
            return self.longest
