"""The wish that training should stop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


class Stopped(Exception):
    """Training was asked to stop, and did, after saving a checkpoint."""


@dataclass(slots=True)
class StopRequest:
    """Whether a stop was asked for. While `patient`, training ends itself after the current step."""

    asked: bool = False
    patient: bool = False

    @contextmanager
    def patiently(self) -> Iterator[None]:
        """While this lasts, a stop waits for the current step and its checkpoint."""
        self.patient = True
        try:
            yield
        finally:
            self.patient = False
