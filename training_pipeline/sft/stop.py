"""The wish that training should stop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


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


@dataclass(slots=True)
class SharedStop:
    """The wish that processes which train together should stop, told by files: their launcher writes `stop_file`."""

    stop_file: Path
    patient_file: Path

    @property
    def asked(self) -> bool:
        """Whether a stop was asked for. Reads."""
        return self.stop_file.exists()

    @contextmanager
    def patiently(self) -> Iterator[None]:
        """While this lasts, the launcher waits for the current step and its checkpoint. Each process comes here."""
        self.patient_file.touch()
        try:
            yield
        finally:
            self.patient_file.unlink(missing_ok=True)
