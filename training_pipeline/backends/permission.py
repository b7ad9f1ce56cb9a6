"""A run that has its compute asks whether its pairs may still be trained on."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class AsksPermission(Protocol):
    """What a backend has besides where its runs ask, once they have their compute, whether they may begin."""

    def allow(self, job_id: str, attempt: int, *, asked: float) -> None:
        """Let the run begin that has asked at this time (`RunState.asks_since`). A later question stays open."""
        ...
