"""Keeps the database's password fresh for what does not do it itself: MLflow's server, Dagster's own connections."""

from __future__ import annotations

import threading
from typing import Final

from training_pipeline.domain.errors import Unavailable
from training_pipeline.infra.password_file import PasswordFile

LOOK_SECONDS: Final = 60.0


class PasswordWatch:
    """Looks in a thread of its own, which alone waits for the command."""

    def __init__(self, passwords: PasswordFile, *, look_seconds: float = LOOK_SECONDS) -> None:
        self._passwords, self._look_seconds = passwords, look_seconds
        self._said: list[str] = []
        self._over = threading.Event()
        threading.Thread(target=self._look, name="password-watch", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._over.set()

    def tend(self) -> list[str]:
        """What went wrong since it was last asked, in words."""
        said, self._said = self._said, []
        return said

    def _look(self) -> None:
        while not self._over.wait(self._look_seconds):
            try:
                self._passwords.refresh()
            except Unavailable as error:
                self._said = [error.message]
            except Exception as error:  # noqa: BLE001 - whatever it is, the next look may succeed
                self._said = [f"The password of the database was not looked at ({type(error).__name__}: {error})."]
