"""The wish that training should stop."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .errors import STOPPED

#: The signals that ask for it.
STOPS: Final = (signal.SIGTERM, signal.SIGINT)


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


@dataclass(frozen=True, slots=True)
class LastWord:
    """What is done before a stop ends this process at once: `say`, a signal handler that may come anywhere."""

    say: Callable[[], object]

    def __call__(self, *_: Any) -> None:
        """Handle the signal: nothing comes behind it."""
        for number in STOPS:
            signal.signal(number, signal.SIG_IGN)
        self.say()
        os._exit(STOPPED)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """While this lasts, it is said on SIGTERM and SIGINT, unless somebody listens who lets training end itself."""
        before = {number: signal.signal(number, self) for number in STOPS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


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
