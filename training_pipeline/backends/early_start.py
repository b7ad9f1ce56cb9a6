"""A run starts before its dataset is made."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class StartsEarly(Protocol):
    """What a backend has besides where a run takes long to start, and need not know for that what it trains on."""

    def start_early(self, job_id: str, attempt: int, *, base_model: str) -> None:
        """Start what can be started before `submit`, for which this process then has to follow. Never raises.

        Nothing is read or trained before `submit`. Where this process ends without it, what was started ends too.
        """
        ...
