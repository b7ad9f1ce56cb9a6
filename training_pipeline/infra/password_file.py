"""A database password that expires: a command makes it, and libpq reads it from a file whenever it connects.

Everybody who connects uses libpq (we, Dagster, MLflow), so a new password reaches the pools of all processes with
their next connection. Connections that are open stay: a server asks for the password only when one is made.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from psycopg2 import OperationalError
from sqlalchemy import Engine, event

from training_pipeline.domain.errors import Unavailable
from training_pipeline.infra import file_lock
from training_pipeline.infra.files import new_private_file
from training_pipeline.settings import Settings
from training_pipeline.settings.prefix import PREFIX

FILE: Final = "database.pgpass"
#: A password is made anew so long before it expires.
EARLY: Final = timedelta(minutes=15)
COMMAND_SECONDS: Final = 60.0
#: The first line of the file, a comment for libpq.
_UNTIL: Final = "# until "


@dataclass(frozen=True, slots=True)
class PasswordFile:
    """The file in libpq's format (`.pgpass`), mode 0600, and the command that prints a password for it."""

    path: Path
    command: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def refresh(self, *, rejected: str | None = None) -> None:
        """Make a new password where there is none, it expires soon, or the server has `rejected` it; else only read.

        Safe from several processes at once: one runs the command. Where that fails, or its answer cannot be written, a
        password that is still valid stays; without one that is `Unavailable`. What the command prints is never
        repeated.
        """
        if not self._due(rejected):
            return
        try:
            self._renew(rejected)
        except Unavailable:
            if rejected is None and self._until() > self.now():
                return
            raise

    def _renew(self, rejected: str | None) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with file_lock.hold(self.path.with_suffix(".lock")):
                if self._due(rejected):
                    self._write(*self._made())
        except OSError as error:
            raise Unavailable(
                f"The password of the database cannot be written to {self.path}: {error.strerror}.",
                hint="Check that there is space and that you may write there. The next connection tries again.",
            ) from error

    def content(self) -> str:
        """What is in the file; empty where there is none. It holds the password: do not print it. Reads."""
        return self.path.read_text(encoding="utf-8") if self.path.exists() else ""

    def _due(self, rejected: str | None) -> bool:
        if rejected is not None:
            return self.content() == rejected
        return self._until() - EARLY <= self.now()

    def _until(self) -> datetime:
        first = self.content().partition("\n")[0]
        try:
            return datetime.fromisoformat(first.removeprefix(_UNTIL))
        except ValueError:  # there is none, or the file is not of ours
            return datetime.min.replace(tzinfo=UTC) + EARLY

    def _made(self) -> tuple[str, datetime]:
        try:
            done = subprocess.run(
                shlex.split(self.command), capture_output=True, timeout=COMMAND_SECONDS, check=False, text=True
            )
            if done.returncode == 0:
                told = json.loads(done.stdout)
                until = datetime.fromisoformat(told["expires_at"])
                return str(told["password"]), until if until.tzinfo else until.replace(tzinfo=UTC)
            said = (done.stderr.strip().splitlines() or ["it printed no reason"])[-1]
            why = f"it ended with exit code {done.returncode}: {said[:300]}"
        except subprocess.TimeoutExpired:
            why = f"it took longer than {COMMAND_SECONDS:.0f} s"
        except OSError as error:
            why = f"it cannot be started ({error.strerror})"
        except (ValueError, KeyError, TypeError):
            why = 'it did not print {"password": …, "expires_at": …}'
        raise Unavailable(
            f"The command for the password of the database made none: {why}.",
            hint=f"Run what {PREFIX}DATABASE_PASSWORD_COMMAND says by hand. It is tried again at the next connection.",
        ) from None

    def _write(self, password: str, until: datetime) -> None:
        escaped = password.replace("\\", "\\\\").replace(":", "\\:")
        fresh = self.path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(new_private_file(fresh), "w", encoding="utf-8") as file:
            file.write(f"{_UNTIL}{until.isoformat()}\n*:*:*:*:{escaped}\n")
        fresh.replace(self.path)


def password_file(settings: Settings) -> PasswordFile | None:
    """The file that the settings ask for; None where the URL says the password. Reads nothing."""
    command = settings.database_password_command
    return PasswordFile(settings.state_dir / FILE, command) if command and settings.database_url else None


def keep_fresh(engine: Engine, passwords: PasswordFile | None) -> None:
    """Have each new connection of `engine` made with a valid password; one that the server rejects is replaced once."""
    if passwords is None:
        return

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, _: Any, arguments: Any, options: Any) -> Any:
        passwords.refresh()
        used = passwords.content()
        try:
            return dialect.connect(*arguments, **options)
        except OperationalError as error:
            if "password authentication failed" not in str(error):
                raise
        passwords.refresh(rejected=used)
        return dialect.connect(*arguments, **options)
