"""`training-pipeline` in a process that has imported everything: the fork server of its `up` need not do so again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any
from unittest import mock

from training_pipeline.infra import fork_server, processes
from training_pipeline.infra.fork_server import ForkServer


class _Forked:
    """What `up` asks of `subprocess.Popen`, of the fork server that was forked off it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode


def main() -> None:
    """Run the command line. Its first fork server is forked here, before there is any thread or connection."""
    ours, theirs = Pipe()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _serve(theirs)
        return  # in what the fork server forked, when its program has ended
    theirs.close()
    launch, unused = ForkServer.launch, [_Forked(pid)]

    def launched(self: ForkServer, *, environment: Mapping[str, str], log: Path) -> Any:
        if not unused:
            return launch(self, environment=environment, log=log)
        processes.keep_last(log)
        ours.send((self._modules, dict(environment), os.fspath(log)))
        ours.recv()
        self._connection = ours
        return unused.pop()

    from training_pipeline.cli.app import main as command_line

    with mock.patch.object(ForkServer, "launch", launched):
        command_line()


def _serve(connection: Connection) -> None:
    """Wait to be asked for a fork server, and be it."""
    parent = os.getppid()
    try:
        modules, environment, log = connection.recv()
    except EOFError:  # it was a command that needs none
        return
    fork_server._lead(fork_server._Request(0, (), environment, log), parent)
    connection.send("leads its session")
    os.dup2(connection.fileno(), 0)
    connection.close()
    fork_server.serve(modules)
