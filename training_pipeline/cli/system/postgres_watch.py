"""Watches over the embedded PostgreSQL while `up` runs: one that has stopped, or answers nothing, is started again."""

from __future__ import annotations

import threading
import time
from typing import Final

import psutil

from training_pipeline.cli.system.children import RESTARTS
from training_pipeline.domain.errors import Unavailable
from training_pipeline.infra.embedded_postgres import EmbeddedPostgres

ASK_SECONDS: Final = 5.0
#: A server that says nothing at all for so long, not even that it is full or recovering, is stuck.
STUCK_SECONDS: Final = 60.0


class PostgresWatch:
    """Asks in a thread of its own, which alone waits for a server that does not answer."""

    def __init__(
        self,
        server: EmbeddedPostgres,
        *,
        ask_seconds: float = ASK_SECONDS,
        stuck_seconds: float = STUCK_SECONDS,
    ) -> None:
        self._server = server
        self._ask_seconds = ask_seconds
        self._stuck_seconds = stuck_seconds
        self._failures = 0
        self._due = 0.0
        #: Since when it has been asked and has said nothing; None while it answers.
        self._silent_since: float | None = None
        #: Why it could not be asked when it was last; said once.
        self._trouble = ""
        self._said: list[str] = []
        self._over = threading.Event()
        threading.Thread(target=self._ask, name="postgres-watch", daemon=True).start()

    def close(self) -> None:
        """Ask no more."""
        self._over.set()

    def tend(self) -> list[str]:
        """Start the server where it has stopped, end and start one that is stuck; what happened, in words.

        One that cannot be started, as on a full disk, is tried again after pauses that grow, for as long as it takes.
        """
        said, self._said = self._said, []
        return said + self._tend()

    def _tend(self) -> list[str]:
        if time.monotonic() < self._due:
            return []
        silent = self._silent()
        try:
            if self._server.pid() is None:
                self._server.start()
                said = "PostgreSQL had stopped and was restarted."
            elif silent > self._stuck_seconds:
                self._server.kill()
                self._server.start()
                said = f"PostgreSQL did not answer for {silent:.0f} s, and was ended and restarted."
            else:
                return []
        except (Unavailable, OSError, psutil.Error) as error:
            self._failures += 1
            pause = RESTARTS.pause(self._failures)
            self._due = time.monotonic() + pause
            why = error.message if isinstance(error, Unavailable) else f"PostgreSQL could not be looked at: {error}."
            return [f"{why} It is tried again in {pause:.0f} s."]
        self._failures = 0
        self._silent_since = None
        return [said]

    def _silent(self) -> float:
        since = self._silent_since
        return 0.0 if since is None else time.monotonic() - since

    def _ask(self) -> None:
        while not self._over.wait(self._ask_seconds):
            if self._silent_since is None:
                self._silent_since = time.monotonic()
            try:
                answers = self._server.answers()
            except Exception as error:  # noqa: BLE001 - it could not be asked, which says nothing against it
                answers = True
                if not self._trouble:
                    self._trouble = (
                        f"PostgreSQL could not be asked whether it answers ({type(error).__name__}: {error})."
                    )
                    self._said = [self._trouble]
            else:
                self._trouble = ""
            if answers:
                self._silent_since = None
