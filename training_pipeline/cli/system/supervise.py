"""Starts, watches and stops the system: database, Dagster's webserver and daemon, and the REST API."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from training_pipeline.cli.system import code_server, health
from training_pipeline.cli.system.environment import prepare_environment
from training_pipeline.cli.system.serve import require_safe_address
from training_pipeline.cli.system.up_record import Child, Record, read_record, record_file
from training_pipeline.domain.errors import Conflict, InvalidRequest, PipelineError
from training_pipeline.infra import file_lock
from training_pipeline.infra.database import stop_embedded
from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
from training_pipeline.infra.files import tail
from training_pipeline.infra.loopback import resolves_to_loopback
from training_pipeline.infra.processes import ProcessIdentity, end, start
from training_pipeline.infra.state_directory import ensure_state_directory
from training_pipeline.settings import PREFIX, Settings
from training_pipeline.training_jobs.urls import address

START_SECONDS: Final = 180.0
GRACE_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.2
SERVE: Final = "from training_pipeline.cli.app import main; main()"
#: What is started again where it dies, if it has lived for so many seconds.
RESTARTED: Final = ("code_server",)
RESTART_SECONDS: Final = 5.0
NAMES: Final = {
    "code_server": "Dagster's code server",
    "webserver": "Dagster's webserver",
    "read_only": "Dagster's read-only webserver",
    "daemon": "Dagster's daemon",
    "api": "The REST API",
}


def is_up(settings: Settings) -> bool:
    """Whether an `up` runs on this state directory. Reads only."""
    return file_lock.is_held(_lock(settings))


def up(
    settings: Settings, workspace: Path | None, *, say: Callable[[str], None], ready: Callable[[Record], None]
) -> None:
    """Run the system until SIGINT, SIGTERM or SIGHUP, then end its processes in order; the database stays.

    Dagster loads our definitions, or what `workspace` names. `say` is called with each progress message, `ready` once
    everything answers. Raises `Conflict` if it runs already or the port is taken, `PipelineError` with the end of a log
    if a process ends unexpectedly.
    """
    ensure_state_directory(settings)
    with ExitStack() as stack:
        try:
            stack.enter_context(file_lock.hold(_lock(settings), wait=False))
        except Conflict:
            raise _already_up(read_record(settings)) from None
        if end_children(settings):
            say("Stopped processes left behind by an `up` that was killed.")
        require_safe_address(settings)
        require_loopback(settings)
        health.require_free_port(settings.webserver_host, settings.webserver_port)
        if settings.read_only_host is not None:
            health.require_free_port(settings.read_only_host, settings.read_only_port, setting="READ_ONLY")
        health.require_free_port(settings.api_host, settings.api_port, setting="API")
        record = Record(
            up=ProcessIdentity.of(os.getpid()),
            since=datetime.now(UTC),
            url=address(settings.webserver_host, settings.webserver_port),
            api_url=address(settings.api_host, settings.api_port),
            read_only_url=read_only_url(settings),
        ).stored(settings)
        say("Preparing the database …")
        environment = os.environ | prepare_environment(settings)
        with _stop_requests() as stop:
            try:
                _run(settings, workspace, environment, record, stop, say, ready)
            finally:
                say("Stopping …")
                end_children(settings, hurry=lambda: len(stop) > 1)


def down(settings: Settings) -> list[str]:
    """End a running `up` and everything it started, then our own PostgreSQL; what was stopped, in order. Idempotent."""
    stopped = []
    record = read_record(settings)
    if is_up(settings) and record is not None:
        seconds = 5 * GRACE_SECONDS  # it has up to four children to end
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if record.up.is_alive():
                os.kill(record.up.pid, sign)
            deadline = time.monotonic() + seconds
            while is_up(settings) and time.monotonic() < deadline:
                time.sleep(0.05)
        stopped.append(f"training-pipeline up (pid {record.up.pid})")
    stopped += end_children(settings)
    if stop_embedded(settings):
        stopped.append("PostgreSQL")
    return stopped


def end_children(settings: Settings, *, hurry: Callable[[], bool] = lambda: False) -> list[str]:
    """End the processes on record, the last started first, and forget the record; the names of those that lived."""
    record = read_record(settings)
    children = record.children if record else ()
    ended = [child.name for child in reversed(children) if end(child.process, grace=GRACE_SECONDS, hurry=hurry)]
    record_file(settings).unlink(missing_ok=True)
    return ended


def _run(
    settings: Settings,
    workspace: Path | None,
    environment: dict[str, str],
    record: Record,
    stop: list[int],
    say: Callable[[str], None],
    ready: Callable[[Record], None],
) -> None:
    say("Starting Dagster's webserver and daemon, and the REST API …")
    children = _Children(settings, environment, record)
    with TemporaryDirectory(prefix="training-pipeline-") as private:  # a path that is short enough for a socket
        if workspace is None:
            socket = Path(private) / "code"
            workspace = code_server.write_workspace(Path(private) / "workspace.yaml", socket)
            children.start("code_server", code_server.command(socket))
            deadline = time.monotonic() + START_SECONDS
            while not code_server.accepts_connections(socket) and time.monotonic() < deadline and not stop:
                children.require_alive()
                time.sleep(LOOK_SECONDS)
        for name, command in _commands(settings, workspace).items():
            if stop:
                return
            children.start(name, command)
        webservers = [found for found in (record.url, record.read_only_url) if found]
        healthy = health.check(webservers, record.api_url, environment["DAGSTER_POSTGRES_URL"], since=record.since)
        _watch(settings, children, healthy, stop, say, ready)


def _watch(
    settings: Settings,
    children: _Children,
    healthy: Callable[[], bool],
    stop: list[int],
    say: Callable[[str], None],
    ready: Callable[[Record], None],
) -> None:
    """Until `stop`: call `ready` once all is healthy, and start again what may be."""
    deadline: float | None = time.monotonic() + START_SECONDS
    while not stop:
        for name in children.restarted() if deadline is None else ():
            say(f"{NAMES[name]} had stopped and was restarted.")
        children.require_alive()
        if deadline is not None and healthy():
            deadline = None
            ready(children.record)
        elif deadline is not None and time.monotonic() > deadline:
            raise PipelineError(
                f"Dagster and the REST API were not ready within {START_SECONDS:.0f} seconds.",
                hint=f"See the logs in {settings.logs}.",
            )
        server = EmbeddedPostgres(settings.state_dir / "postgres")
        if settings.database_url is None and server.pid() is None and not stop:
            server.start()
            say("PostgreSQL had stopped and was restarted.")
        time.sleep(LOOK_SECONDS)


def _commands(settings: Settings, workspace: Path) -> dict[str, list[str]]:
    webserver = [sys.executable, "-m", "dagster_webserver", "--workspace", str(workspace)]
    commands = {
        "webserver": [*webserver, *_listening(settings.webserver_host, settings.webserver_port)],
        "daemon": [sys.executable, "-m", "dagster._daemon", "run", "--workspace", str(workspace)],
        "api": [sys.executable, "-c", SERVE, "serve"],
    }
    if settings.read_only_host is not None:
        listening = _listening(settings.read_only_host, settings.read_only_port)
        commands["read_only"] = [*webserver, *listening, "--read-only"]
    return commands


class _Children:
    """The processes that this `up` has started; each is on record before anything waits for it."""

    def __init__(self, settings: Settings, environment: dict[str, str], record: Record) -> None:
        self.record = record
        self._settings = settings
        self._environment = environment
        self._running: dict[str, tuple[subprocess.Popen[bytes], list[str], float]] = {}

    def start(self, name: str, command: list[str]) -> None:
        """Start a process, and put it on record in the place of one of its name that has died with all its own."""
        log = self._settings.logs / f"{name}.log"
        process = start(command, environment=self._environment, log=log)
        self._running[name] = (process, command, time.monotonic())
        child = Child(name=name, process=ProcessIdentity.of(process.pid), log=log)
        others = tuple(one for one in self.record.children if one.name != name or one.process.group())
        self.record = self.record.model_copy(update={"children": (*others, child)}).stored(self._settings)

    def restarted(self) -> list[str]:
        """Start again those that may die without harm to the others, unless they lived for seconds only; their names.

        Dagster's webserver and daemon find a code server that is back, and its runs live on in processes of their own.
        """
        names = []
        for name in RESTARTED:
            process, command, since = self._running.get(name, (None, [], 0.0))
            if process is not None and process.poll() is not None and time.monotonic() - since > RESTART_SECONDS:
                self.start(name, command)
                names.append(name)
        return names

    def require_alive(self) -> None:
        """Raise `PipelineError` with the end of its log if one has ended."""
        for name, (process, _, _) in self._running.items():
            if process.poll() is not None:
                log = self._settings.logs / f"{name}.log"
                raise PipelineError(
                    f"{NAMES[name]} ended unexpectedly (exit code {process.returncode}). Its last lines:\n"
                    + tail(log, 15),
                    hint=f"Its log is {log}. Everything else was stopped. Restart with `training-pipeline up`.",
                )


def read_only_url(settings: Settings) -> str:
    """The read-only UI's URL on this machine; empty if there is none."""
    host = settings.read_only_host
    return "" if host is None else address(host, settings.read_only_port)


def require_loopback(settings: Settings) -> None:
    """Raise `InvalidRequest` if the full UI, which has no authentication, can be reached from other machines."""
    if not resolves_to_loopback(settings.webserver_host):
        raise InvalidRequest(
            "Dagster's UI has no authentication, and who reaches it may do everything. It may only listen on this "
            f"machine; {settings.webserver_host} is open to others.",
            hint=f"Leave {PREFIX}WEBSERVER_HOST at 127.0.0.1, behind a proxy that authenticates. For a read-only "
            f"UI set {PREFIX}READ_ONLY_HOST.",
        )


def _listening(host: str, port: int) -> list[str]:
    return ["--host", host, "--port", str(port)]


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
    """A list that grows by each signal that asks us to stop. No exception ever interrupts a start half-way."""
    received: list[int] = []
    asked = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # not under nohup
        asked.append(signal.SIGHUP)
    before = {sign: signal.signal(sign, lambda number, _: received.append(number)) for sign in asked}
    try:
        yield received
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


def _lock(settings: Settings) -> Path:
    return settings.state_dir / "up.lock"


def _already_up(record: Record | None) -> Conflict:
    if record is None:
        return Conflict("Another `training-pipeline up` is starting.", hint="Check with `training-pipeline status`.")
    children = ", ".join(f"{child.name} (pid {child.process.pid})" for child in record.children) or "nothing yet"
    return Conflict(
        f"`training-pipeline up` is already running (pid {record.up.pid}, since {record.since:%Y-%m-%d %H:%M} UTC):"
        f" {children}, on {record.url}",
        hint="Stop it with `training-pipeline down`.",
    )
