"""A PostgreSQL of our own in the state directory, which every process of ours on the machine finds.

The server listens on a socket only, in a directory closed to other users, so connections need no password. It belongs
to nobody: pg_ctl detaches it, so it outlives whoever started it, and stops on `stop` alone.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from sqlalchemy import URL, NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from training_pipeline.domain.errors import Unavailable
from training_pipeline.infra import file_lock, postgres_programs
from training_pipeline.infra.files import tail

DATABASE: Final = "training_pipeline"
SUPERUSER: Final = "postgres"
PORT: Final = 5432  # only a part of the socket's name: nothing listens on the network
START_SECONDS: Final = 60.0
#: The shortest `sun_path` of the systems we run on (macOS), without its closing zero.
MAX_SOCKET_PATH: Final = 103
#: For a server that was told to end at once, before it is killed.
IMMEDIATE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """The server whose data, socket and log are in `directory`."""

    directory: Path

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.directory / "data"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.directory / "server.log"

    @property
    def socket_directory(self) -> Path:
        """Where clients find the socket: beside the data, or under /tmp if that path is too long for a socket."""
        beside = self.directory / "socket"
        if len(os.fsencode(beside / f".s.PGSQL.{PORT}")) <= MAX_SOCKET_PATH:
            return beside
        digest = hashlib.sha256(os.fsencode(self.directory.resolve())).hexdigest()
        return Path("/tmp") / f"training-pipeline-{digest[:16]}"  # noqa: S108 - made 0700, and its owner is checked

    def url(self, database: str = DATABASE) -> URL:
        """Where clients connect to, whether the server runs or not."""
        where = {"host": str(self.socket_directory), "connect_timeout": "5"}
        return URL.create("postgresql+psycopg2", username=SUPERUSER, port=PORT, database=database, query=where)

    def pid(self) -> int | None:
        """The process id of the running server, else None. Reads only; a server that is still starting counts.

        A pid file alone proves nothing: after a crash or a container's restart its number may be another process's.
        """
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            process = psutil.Process(pid)
            alive = process.status() != psutil.STATUS_ZOMBIE
            return pid if alive and f"cluster_name={self._cluster_name()}" in process.cmdline() else None
        except (FileNotFoundError, ValueError, psutil.Error):
            return None

    def accepts_connections(self) -> bool:
        """Whether the database answers now. Reads only."""
        try:
            self._execute(DATABASE, "SELECT 1")
        except OperationalError:
            return False
        return True

    def answers(self) -> bool:
        """Whether the server says anything now, be it that it is full, recovering or shutting down. Reads only."""
        try:
            self._execute(DATABASE, "SELECT 1")
        except OperationalError as error:
            return "FATAL" in str(error)
        return True

    def start(self) -> None:
        """Start the server unless it runs, and return once the database accepts connections.

        Idempotent, and safe from several processes at once. Raises `Unavailable` with the end of the server's log.
        """
        try:
            if self.pid() is None or not self.accepts_connections():
                self._start()
        except OSError as error:
            raise Unavailable(
                f"PostgreSQL cannot be started in {self.directory}: {error}.",
                hint="Free disk space or fix the permissions there, or set TRAINING_PIPELINE_STATE_DIR or "
                "TRAINING_PIPELINE_DATABASE_URL.",
            ) from error

    def stop(self) -> bool:
        """Stop the server; False if it was not running. Open connections are closed, nothing committed is lost."""
        if not self.directory.exists():
            return False
        with file_lock.hold(self.directory / "lock"):
            if self.pid() is None:
                return False
            stopped = self._pg_ctl("stop", "--mode=fast", "--timeout=30")
            if stopped.returncode != 0 and self.pid() is not None:
                self.kill()
            return True

    def kill(self) -> None:
        """End a server that does not answer, and all its processes; the next start recovers all that was committed.

        Takes no lock: whoever waits for the server to answer holds it.
        """
        for sign in (signal.SIGQUIT, signal.SIGKILL):
            server, processes = self.pid(), self._processes()
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    if sign == signal.SIGKILL or process.pid == server:  # which ends the others
                        process.send_signal(sign)
                    process.send_signal(signal.SIGCONT)  # a stopped one could not end
            psutil.wait_procs(processes, timeout=IMMEDIATE_SECONDS)

    def _start(self) -> None:
        user = postgres_programs.system_user()
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with file_lock.hold(self.directory / "lock"):
            if user is not None:
                postgres_programs.give(self.directory, user)
                postgres_programs.require_reachable(self.directory, user)
            deadline = time.monotonic() + START_SECONDS
            while True:
                if self.pid() is None:
                    self._launch(user, deadline)
                try:
                    self._create_database()
                except OperationalError as error:
                    if time.monotonic() > deadline:
                        raise Unavailable(
                            f"PostgreSQL in {self.directory} does not answer: {str(error).strip()}",
                            hint=f"Its log is {self.log}.",
                        ) from error
                    time.sleep(0.05)
                else:
                    return

    def _launch(self, user: pwd.struct_passwd | None, deadline: float) -> None:
        self._initialise(user)
        self._prepare_socket_directory(user)
        self._drop_foreign_pid_file(deadline)
        # Relative to the data directory, so that no character of the path needs quoting in pg_ctl's shell.
        beside = self.socket_directory.parent == self.directory
        where = "../socket" if beside else str(self.socket_directory)
        settings = {
            "listen_addresses": "",
            "cluster_name": self._cluster_name(),
            "log_checkpoints": "off",
            # Statements that fail, and the rows they fail on, hold values that have no place in a log.
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
        }
        options = f"-k {where} -p {PORT} " + " ".join(f"-c {name}={value}" for name, value in settings.items())
        seconds = max(1, int(deadline - time.monotonic()))
        started = self._pg_ctl("start", f"--timeout={seconds}", "--log=server.log", f"--options={options}")
        if started.returncode != 0 and self.pid() is None:
            raise Unavailable(
                f"PostgreSQL did not start in {self.directory}: {tail(self.log, 5) or started.stderr.strip()}",
                hint=f"Its log is {self.log}.",
            )

    def _drop_foreign_pid_file(self, deadline: float) -> None:
        """Forget a pid that is another process's now: the server would take that for itself and refuse to start.

        Where nobody has that pid the file stays, for with it the server recognises memory that is still in use.
        """
        # Server processes whose parent was killed write on for a moment; a second server must not join them.
        while self._orphans():
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"Processes of a PostgreSQL that was killed still use {self.data}.",
                    hint=f"End the processes named `postgres: {self._cluster_name()}`, then try again.",
                )
            time.sleep(0.05)
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
        except FileNotFoundError:
            return
        except ValueError:  # cut short by a full disk or a crash
            pid_file.unlink()
            return
        if psutil.pid_exists(pid):  # also as a zombie, which the server would wait for
            pid_file.unlink()

    def _initialise(self, user: pwd.struct_passwd | None) -> None:
        if (self.data / "PG_VERSION").exists():
            if user is not None and self.data.stat().st_uid != user.pw_uid:
                for path in (self.data, *self.data.rglob("*")):  # a kept volume in a new container: new user id
                    postgres_programs.give(path, user)
            return
        # Made under another name and renamed, so that a death in between leaves no half a data directory.
        shutil.rmtree(self.directory / "data.new", ignore_errors=True)
        made = self._run(
            "initdb",
            "--pgdata=data.new",
            f"--username={SUPERUSER}",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",  # sorts and folds the same on every machine
            "--builtin-locale=C.UTF-8",
            "--set=timezone=UTC",
            "--set=log_timezone=UTC",
        )
        if made.returncode != 0:
            raise Unavailable(
                f"PostgreSQL's data directory {self.data} cannot be made: {_reason(made.stderr)}.",
                hint="Free disk space or fix the permissions there, or set TRAINING_PIPELINE_STATE_DIR or "
                "TRAINING_PIPELINE_DATABASE_URL.",
            )
        (self.directory / "data.new").rename(self.data)

    def _prepare_socket_directory(self, user: pwd.struct_passwd | None) -> None:
        path, owner = self.socket_directory, os.geteuid() if user is None else user.pw_uid
        try:
            path.mkdir(mode=0o700)
            if user is not None:
                postgres_programs.give(path, user)
        except FileExistsError:
            found = path.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {owner, os.geteuid()} or found.st_mode & 0o077:
                raise Unavailable(
                    f"{path}, where PostgreSQL's socket goes, is not a directory that only we may enter.",
                    hint="Remove it, or set TRAINING_PIPELINE_STATE_DIR to a shorter path.",
                ) from None
            if user is not None:
                postgres_programs.give(path, user)
        for left_behind in path.glob(".s.PGSQL.*"):  # with the number of a killed server, believed like the pid file
            left_behind.unlink()

    def _create_database(self) -> None:
        if not self._execute("postgres", f"SELECT FROM pg_database WHERE datname = '{DATABASE}'"):
            self._execute("postgres", f"CREATE DATABASE {DATABASE}")

    def _execute(self, database: str, statement: str) -> int:
        """The number of rows that a statement returned or changed."""
        engine = create_engine(self.url(database), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            return connection.execute(text(statement)).rowcount

    def _cluster_name(self) -> str:
        """A name on the command line of the server and all its processes; the same after the directory is moved."""
        found = self.data.stat()
        return f"training_pipeline_{found.st_dev:x}_{found.st_ino:x}"

    def _orphans(self) -> bool:
        return any(process.pid != self.pid() for process in self._processes())

    def _processes(self) -> list[psutil.Process]:
        """The server and its processes, also where it has died and they have not."""
        name = self._cluster_name()
        title, option = f"postgres: {name}: ", f"cluster_name={name}"
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if (words := process.info["cmdline"] or [""]) and (words[0].startswith(title) or option in words)
        ]

    def _pg_ctl(self, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._run("pg_ctl", verb, "--pgdata=data", "--wait", *arguments)

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        version = self.data / "PG_VERSION"
        return postgres_programs.run(
            program,
            *arguments,
            directory=self.directory,
            version=int(version.read_text()) if version.exists() else None,
        )


def _reason(output: str) -> str:
    """Why initdb failed, from all that it printed about its steps: its first error, else its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["it printed no reason"]
    errors = (line for line in lines if "error: " in line or "FATAL: " in line)
    return " ".join(next(errors, lines[-1]).rstrip(".").split())
