"""A process that imports everything once, and others that are forked off it: they start at once and share its memory.

It runs any Python command. It has no thread, database connection or gRPC channel, so that forking is safe. What is
forked is like what `processes.start` starts: the leader of a session of its own, with its own environment and log.
"""

from __future__ import annotations

import gc
import importlib
import os
import runpy
import signal
import subprocess
import sys
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Final

from training_pipeline.infra import processes
from training_pipeline.infra.processes import ProcessIdentity

#: A fork takes milliseconds. A server that says nothing for so long is stuck: processes are started without it.
ANSWER_SECONDS: Final = 10.0
#: The exit code of a process whose end nobody saw, as `multiprocessing` has it.
UNSEEN: Final = 255


@dataclass(frozen=True, slots=True)
class _Ready:
    """All is imported."""


@dataclass(frozen=True, slots=True)
class _Request:
    number: int
    arguments: tuple[str, ...]
    environment: dict[str, str]
    log: str


@dataclass(frozen=True, slots=True)
class _Started:
    number: int
    identity: ProcessIdentity


@dataclass(frozen=True, slots=True)
class _Ended:
    number: int
    code: int


class ForkServer:
    """Starts processes by forking where that is possible, else as `processes.start` does."""

    def __init__(self, modules: Sequence[str]) -> None:
        """`modules` are what is imported before anything is forked."""
        self._modules = list(modules)
        self._connection: Connection | None = None
        self._ready = False
        self._count = 0
        self._started: dict[int, ProcessIdentity] = {}
        self._codes: dict[int, int] = {}

    def launch(self, *, environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
        """Start the process that others are forked off; one that was started before is let go."""
        self.close()
        self._connection, theirs = Pipe()
        code = f"from training_pipeline.infra.fork_server import serve; serve({self._modules!r})"
        with theirs:
            return processes.start(
                [sys.executable, "-c", code], environment=environment, log=log, stdin=theirs.fileno()
            )

    def is_ready(self) -> bool:
        """Whether all is imported, so that a process can be forked."""
        self._read()
        return self._ready

    def start(
        self, command: Sequence[str], *, environment: Mapping[str, str], log: Path
    ) -> subprocess.Popen[bytes] | Forked:
        """Start a Python program, `python -c CODE …` or `python -m MODULE …`, with its output in a new `log`."""
        if self.is_ready() and self._connection is not None:
            processes.keep_last(log)
            self._count += 1
            try:
                self._connection.send(_Request(self._count, tuple(command[1:]), dict(environment), os.fspath(log)))
                while self._count not in self._started and self._connection.poll(ANSWER_SECONDS):
                    self._take(self._connection.recv())
            except (OSError, EOFError):  # it died
                self.close()
            identity = self._started.pop(self._count, None)
            if identity is not None:
                return Forked(self, self._count, identity)
            self.close()
        return processes.start(command, environment=environment, log=log)

    def close(self) -> None:
        """Let go of the process, which then ends. On Linux what was forked off it gets SIGTERM."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._ready = None, False

    def code(self, number: int, identity: ProcessIdentity) -> int | None:
        """The exit code of a forked process; null while it lives."""
        self._read()
        if number not in self._codes and self._connection is None and not identity.is_alive():
            return UNSEEN
        return self._codes.get(number)

    def _read(self) -> None:
        try:
            while self._connection is not None and self._connection.poll():
                self._take(self._connection.recv())
        except (OSError, EOFError):  # it died
            self.close()

    def _take(self, message: object) -> None:
        match message:
            case _Ready():
                self._ready = True
            case _Started(number, identity):
                self._started[number] = identity
            case _Ended(number, code):
                self._codes[number] = code


class Forked:
    """A process that was forked, with what `subprocess.Popen` tells of one that was started."""

    def __init__(self, server: ForkServer, number: int, identity: ProcessIdentity) -> None:
        self.identity: Final = identity
        self.pid: Final = identity.pid
        #: As `poll` last saw it.
        self.returncode: int | None = None
        self._server = server
        self._number = number

    def poll(self) -> int | None:
        """The exit code, negative for a signal; null while the process lives."""
        if self.returncode is None:
            self.returncode = self._server.code(self._number, self.identity)
        return self.returncode


def serve(modules: Sequence[str]) -> None:
    """Import `modules`, then fork for whoever holds the other end of standard input, until that is closed.

    Returns in the forked processes only, when their program has ended.
    """
    connection = Connection(os.dup(0))
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    gc.disable()  # there is no garbage in what is imported, and to look for it takes a quarter of the time
    for module in modules:
        importlib.import_module(module)
    sys.stderr.write(f"Imported {', '.join(modules)}\n")
    gc.freeze()  # nor later: and looking through it would copy the shared memory
    gc.enable()
    _run(_forked(connection))


def _forked(connection: Connection) -> tuple[str, ...]:
    """Serve. Returns in a forked process, with the arguments of the Python that it is to be."""
    woken, wake = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    numbers: dict[int, int] = {}
    connection.send(_Ready())
    try:
        while True:
            ready = wait([connection, woken])
            if woken in ready:
                os.read(woken, 65536)
                _report(connection, numbers)
            if connection in ready:
                request: _Request = connection.recv()
                server, (told, tell) = os.getpid(), os.pipe()
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    connection.close()
                    for descriptor in (woken, wake, told):
                        os.close(descriptor)
                    _lead(request, server)
                    os.close(tell)
                    return request.arguments
                os.close(tell)
                os.read(told, 1)  # until it leads its session, or has died
                os.close(told)
                numbers[pid] = request.number
                connection.send(_Started(request.number, ProcessIdentity.of(pid)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        sys.exit(0)


def _report(connection: Connection, numbers: dict[int, int]) -> None:
    """Say which forked processes have ended."""
    while numbers:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        connection.send(_Ended(numbers.pop(pid), os.waitstatus_to_exitcode(status)))


def _lead(request: _Request, server: int) -> None:
    """Make the forked process one like those of `processes.start`."""
    os.setsid()
    log = processes.open_log(Path(request.log))
    for output in (1, 2):
        os.dup2(log, output)
    os.close(log)
    os.environ.clear()
    os.environ.update(request.environment)
    processes.end_with_parent()
    if os.getppid() != server:
        sys.exit(1)


def _run(arguments: tuple[str, ...]) -> None:
    """Run what `python *arguments` would."""
    match arguments:
        case ("-m", module, *rest):
            sys.argv = [module, *rest]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case ("-c", code, *rest):
            sys.argv = ["-c", *rest]
            main = sys.modules["__main__"] = types.ModuleType("__main__")
            exec(code, vars(main))  # noqa: S102 - what a new Python would be given
        case _:
            raise ValueError(f"expected -c CODE … or -m MODULE …, got {arguments[:1]}")
