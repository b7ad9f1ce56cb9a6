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
        return self._jittered(self._pause(failures))

    def waited(self, failures: int) -> float:
        """Seconds that the pauses after so many failures in a row add up to, at least."""
        return sum(self._pause(number) for number in range(1, failures + 1))

    def gives_up(self, failures: int) -> bool:
        """Whether so many failures in a row are the end, instead of another pause."""
        return self._ends(failures, self.waited(failures))

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
        stated: Callable[[], float | None] = lambda: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> _T:
        """What `function` returns, called again after a failure for which `when`; raises the last failure as it is.

        `stated` says how long the other side wants us to wait after the last failure, in the place of our own pause;
        null where it does not say.
        """
        import tenacity  # only where calls are repeated: it brings asyncio, and commands start without

        pauses: list[float] = []

        def pause(failures: int) -> float:
            if len(pauses) < failures:
                asked = stated()
                pauses.append(self._pause(failures) if asked is None else asked)
            return pauses[-1]

        def gives_up(failures: int) -> bool:
            pause(failures)
            return self._ends(failures, sum(pauses))

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(when),
            wait=lambda state: self._jittered(pause(state.attempt_number)),
            stop=lambda state: gives_up(state.attempt_number),
            sleep=sleep,
            reraise=True,
        )
        return retrying(function)

    def _ends(self, failures: int, waited: float) -> bool:
        if self.attempts is not None and failures >= self.attempts:
            return True
        return self.deadline is not None and waited > self.deadline

    def _jittered(self, pause: float) -> float:
        return pause * (1 + random.uniform(0, self.jitter))  # noqa: S311 - no secret

    def _pause(self, failures: int) -> float:
        try:
            return min(self.first * float(self.factor) ** max(failures - 1, 0), self.longest)
        except OverflowError:
            return self.longest
