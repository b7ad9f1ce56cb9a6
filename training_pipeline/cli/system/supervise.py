"""Starts, watches and stops the system: database, Dagster's webserver and daemon, and the REST API."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from training_pipeline.cli.system import code_server, daemon, health
from training_pipeline.cli.system.children import Children
from training_pipeline.cli.system.environment import prepare_environment
from training_pipeline.cli.system.password_watch import PasswordWatch
from training_pipeline.cli.system.postgres_watch import PostgresWatch
from training_pipeline.cli.system.serve import require_safe_address
from training_pipeline.cli.system.up_record import Record, read_record, record_file
from training_pipeline.domain.errors import Conflict, InvalidRequest, PipelineError, Unavailable
from training_pipeline.infra import file_lock
from training_pipeline.infra.database import Database, stop_embedded
from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
from training_pipeline.infra.files import rotate
from training_pipeline.infra.loopback import resolves_to_loopback
from training_pipeline.infra.password_file import password_file
from training_pipeline.infra.processes import ProcessIdentity, end
from training_pipeline.infra.state_directory import ensure_state_directory
from training_pipeline.settings import Settings
from training_pipeline.settings.prefix import PREFIX
from training_pipeline.urls import server_url

START_SECONDS: Final = 180.0
GRACE_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.2
SERVE: Final = "from training_pipeline.cli.app import main; main()"
ROTATE_SECONDS: Final = 60.0


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
            url=server_url(settings.webserver_host, settings.webserver_port),
            api_url=server_url(settings.api_host, settings.api_port),
            read_only_url=read_only_url(settings),
        ).stored(settings)
        with _stop_requests() as stop:
            children = Children(settings, dict(os.environ), record, database_answers=lambda: database_answers(settings))
            try:
                children.start_fork_server()  # it imports while the database is prepared
                say("Preparing the database …")
                children.environment |= _prepared(settings, say)
                _run(settings, workspace, children, stop, say, ready)
            finally:
                say("Stopping …")
                end_children(settings, hurry=lambda: len(stop) > 1)


def database_answers(settings: Settings) -> bool:
    """Whether a connection to the database can be made now. Starts nothing."""
    try:
        (Database.stated(settings) or Database(EmbeddedPostgres(settings.state_dir / "postgres").url())).check()
    except (OSError, Unavailable):
        return False
    return True


def _prepared(settings: Settings, say: Callable[[str], None]) -> dict[str, str]:
    try:
        return prepare_environment(settings)
    except Unavailable:
        server = EmbeddedPostgres(settings.state_dir / "postgres")
        if settings.database_url is not None or server.pid() is None or server.answers():
            raise
        say("PostgreSQL does not answer; it is ended and restarted …")
        server.kill()
        return prepare_environment(settings)


def down(settings: Settings) -> list[str]:
    """End a running `up` and everything it started, then our own PostgreSQL; what was stopped, in order. Idempotent.

    Raises `Conflict` for an `up` of which there is no record, or a broken one: nothing tells which process it is.
    """
    stopped = []
    record = read_record(settings)
    if record is None and is_up(settings):
        raise Conflict(
            "Another `training-pipeline up` is starting, or its record is broken.",
            hint=f"Try again; or end it with Ctrl-C where it runs, or by the process that `fuser {_lock(settings)}` "
            "shows.",
        )
    if is_up(settings) and record is not None:
        seconds = 5 * GRACE_SECONDS  # it has up to six children to end
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
    children: Children,
    stop: list[int],
    say: Callable[[str], None],
    ready: Callable[[Record], None],
) -> None:
    say("Starting Dagster's webserver and daemon, and the REST API …")
    _until(children.can_fork, children, stop)
    with TemporaryDirectory(prefix="training-pipeline-") as private:  # a path that is short enough for a socket
        if workspace is None:
            socket = Path(private) / "code"
            workspace = code_server.write_workspace(Path(private) / "workspace.yaml", socket)
            if not stop:
                children.start("code_server", code_server.command(socket))
            _until(lambda: code_server.accepts_connections(socket), children, stop)
        probe = Path(private) / "probe"
        probe.write_text(secrets.token_hex(32), encoding="ascii")
        for name, command in _commands(settings, workspace, probe).items():
            if stop:
                return
            children.start(name, command)
        healthy = health.check(
            [found for found in (children.record.url, children.record.read_only_url) if found],
            children.record.api_url,
            children.environment["DAGSTER_POSTGRES_URL"],
            probe=probe.read_text(encoding="ascii"),
            since=children.record.since,
        )
        _watch(settings, children, healthy, stop, say, ready)


def _until(condition: Callable[[], bool], children: Children, stop: list[int]) -> None:
    """Return once the condition holds, at `stop`, or after too long a time, which others will notice."""
    deadline = time.monotonic() + START_SECONDS
    while not condition() and time.monotonic() < deadline and not stop:
        children.require_alive()
        time.sleep(LOOK_SECONDS)


def _watch(
    settings: Settings,
    children: Children,
    healthy: Callable[[], bool],
    stop: list[int],
    say: Callable[[str], None],
    ready: Callable[[Record], None],
) -> None:
    """Until `stop`: call `ready` once all is healthy, then start again what dies; keep the logs small."""
    deadline: float | None = time.monotonic() + START_SECONDS
    rotated = time.monotonic()
    server = EmbeddedPostgres(settings.state_dir / "postgres")
    with ExitStack() as stack:
        postgres = stack.enter_context(closing(PostgresWatch(server))) if settings.database_url is None else None
        passwords = password_file(settings)
        kept = None if passwords is None else stack.enter_context(closing(PasswordWatch(passwords)))
        while not stop:
            if deadline is None:
                said = children.tend()
            else:
                said = []
                children.require_alive()
                if healthy():
                    deadline = None
                    ready(children.record)
                elif time.monotonic() > deadline:
                    raise PipelineError(
                        f"Dagster and the REST API were not ready within {START_SECONDS:.0f} seconds.",
                        hint=f"See the logs in {settings.logs}.",
                    )
            if postgres is not None and not stop:
                said += postgres.tend()
            if kept is not None:
                said += kept.tend()
            for sentence in said:
                say(sentence)
            if time.monotonic() - rotated > ROTATE_SECONDS:
                rotated = time.monotonic()
                for log in (server.log, *settings.logs.glob("*.log")):
                    rotate(log)
            time.sleep(LOOK_SECONDS)


def _commands(settings: Settings, workspace: Path, probe: Path) -> dict[str, list[str]]:
    commands = {
        "webserver": _webserver(workspace, probe, read_only=False),
        "daemon": daemon.command(workspace),
        "api": [sys.executable, "-c", SERVE, "serve"],
    }
    if settings.read_only_host is not None:
        commands["read_only"] = _webserver(workspace, probe, read_only=True)
    return commands


def _webserver(workspace: Path, probe: Path, *, read_only: bool) -> list[str]:
    arguments = f"{os.fspath(workspace)!r}, {os.fspath(probe)!r}, read_only={read_only}"
    return [sys.executable, "-c", f"from training_pipeline.dagster_ui.server import serve; serve({arguments})"]


def read_only_url(settings: Settings) -> str:
    """The read-only UI's URL on this machine; empty if there is none."""
    host = settings.read_only_host
    return "" if host is None else server_url(host, settings.read_only_port)


def require_loopback(settings: Settings) -> None:
    """Raise `InvalidRequest` if authentication is off and the full UI can be reached from other machines."""
    if settings.auth == "none" and not resolves_to_loopback(settings.webserver_host):
        raise InvalidRequest(
            "Without authentication, who reaches Dagster's UI may do everything. It may only listen on this machine; "
            f"{settings.webserver_host} is open to others.",
            hint=f"Leave {PREFIX}WEBSERVER_HOST at 127.0.0.1, or require tokens with {PREFIX}AUTH=token. For a "
            f"read-only UI set {PREFIX}READ_ONLY_HOST.",
        )


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
