"""How long a job waits for a backend that does not answer or refuses our credentials. Pure.

The time is counted in pauses, so that the hours in which nobody looked do not count.
"""

from __future__ import annotations

from typing import Final

from training_pipeline.domain.errors import PipelineError

FIRST_PAUSE_SECONDS: Final = 5.0
MOST_PAUSE_SECONDS: Final = 300.0


def launch_pause(attempt: int) -> float:
    """Seconds until a launch or finish run follows one that met such a backend: doubling, within bounds."""
    return min(FIRST_PAUSE_SECONDS * 2.0 ** min(attempt - 1, 10), MOST_PAUSE_SECONDS)


def look_pause(errors: int) -> float:
    """Seconds until a job is looked at again after so many failed looks in a row: doubling, within bounds."""
    return min(2.0 ** min(errors, 10), MOST_PAUSE_SECONDS)


def waits(error: Exception) -> bool:
    """Whether `error` is one that is waited for."""
    return isinstance(error, PipelineError) and error.waits


def launches_waited(attempts: int) -> float:
    """Seconds that so many runs in a row have waited for, at least."""
    return sum(launch_pause(attempt) for attempt in range(1, attempts + 1))


def looks_waited(errors: int) -> float:
    """Seconds that so many failed looks in a row have waited for, at least."""
    return sum(look_pause(number) for number in range(1, errors + 1))


def shown(seconds: float) -> str:
    """A time in words, such as `24 h` or `20 s`."""
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds:g} s"


def told(error: Exception) -> str:
    """What to tell of an error: what a library says may hold an address or a text; what we say does not."""
    if not isinstance(error, PipelineError):
        return type(error).__name__
    return f"{error.message.rstrip('.')}. {error.hint}".strip() if error.hint else error.message
