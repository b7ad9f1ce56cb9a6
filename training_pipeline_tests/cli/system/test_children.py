from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import psutil
import pytest

from training_pipeline.cli.system import children as module
from training_pipeline.cli.system.children import IMPORTED, Children, Restarts
from training_pipeline.cli.system.up_record import Record, read_record
from training_pipeline.domain.errors import PipelineError
from training_pipeline.infra.fork_server import ForkServer
from training_pipeline.infra.processes import ProcessIdentity, end
from training_pipeline.infra.retry import RetryPolicy
from training_pipeline.infra.state_directory import ensure_state_directory
from training_pipeline.settings import Settings
from training_pipeline.testing.polling import until

WAITS = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"]
DIES = [sys.executable, "-c", "import sys; sys.exit('the port is taken')"]


@pytest.fixture
def children(settings: Settings) -> Iterator[Children]:
    ensure_state_directory(settings)
    record = Record(up=ProcessIdentity.of(os.getpid()), since=datetime.now(UTC), url="http://x")
    children = Children(settings, dict(os.environ), record, policy=RetryPolicy(first=0.05, attempts=3))
    yield children
    for child in children.record.children:
        end(child.process, grace=5)
    until(lambda: all(running.process.poll() is not None for running in children._running.values()))


def tend(children: Children, said: list[str]) -> list[str]:
    said += children.tend()
    return said


def pids(children: Children) -> dict[str, int]:
    return {child.name: child.process.pid for child in children.record.children}


def test_a_process_that_dies_is_started_again_and_the_others_stay(children: Children, settings: Settings) -> None:
    for name in ("daemon", "api"):
        children.start(name, WAITS)
    before = pids(children)
    os.kill(before["daemon"], signal.SIGKILL)
    said: list[str] = []
    until(lambda: len(tend(children, said)) == 2)
    assert said == [
        "Dagster's daemon ended (exit code -9) and is started again in 0 s.",
        "Dagster's daemon was started again.",
    ]
    after = pids(children)
    assert (after["api"], after["daemon"] != before["daemon"]) == (before["api"], True)
    record = read_record(settings)
    assert record is not None
    assert all(child.process.is_alive() for child in record.latest())


def test_a_process_that_keeps_dying_ends_it_with_the_end_of_its_log(children: Children, settings: Settings) -> None:
    children.start("api", DIES)
    said: list[str] = []
    with pytest.raises(PipelineError, match=r"The REST API ended unexpectedly \(exit code 1\)") as caught:
        until(lambda: len(tend(children, said)) > 100)
    assert "died 3 times in a row" in caught.value.message
    assert "the port is taken" in caught.value.message
    assert str(settings.logs / "api.log") in caught.value.hint
    assert said.count("The REST API was started again.") == 2


def test_before_all_is_ready_a_death_is_the_end(children: Children) -> None:
    children.start("api", WAITS)
    children.require_alive()
    os.kill(pids(children)["api"], signal.SIGKILL)

    def noticed() -> bool:
        try:
            children.require_alive()
        except PipelineError as error:
            return "exit code -9" in error.message
        return False

    until(noticed)


def test_deaths_while_the_database_is_away_do_not_count(settings: Settings) -> None:
    ensure_state_directory(settings)
    record = Record(up=ProcessIdentity.of(os.getpid()), since=datetime.now(UTC), url="http://x")
    answers = [False] * 6
    policy = RetryPolicy(first=0.01, longest=0.02, attempts=2)
    children = Children(
        settings, dict(os.environ), record, policy=policy, database_answers=lambda: not answers or answers.pop()
    )
    children.start("daemon", DIES)
    said: list[str] = []
    with pytest.raises(PipelineError, match="died 2 times in a row"):
        until(lambda: len(tend(children, said)) > 100)
    away = "Dagster's daemon ended (exit code 1), while the database does not answer, and is started again in 0 s."
    assert said.count(away) == 6
    assert said.count("Dagster's daemon ended (exit code 1) and is started again in 0 s.") == 1


def test_one_that_cannot_be_put_on_record_is_ended_and_started_later(
    children: Children, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    children.start("daemon", WAITS)
    dead = pids(children)["daemon"]
    started: list[int] = []

    def full(record: Record, _: Settings) -> Record:
        started.append(record.latest()[-1].process.pid)
        raise OSError(errno.ENOSPC, "No space left on device")

    said: list[str] = []
    with monkeypatch.context() as patched:
        patched.setattr(Record, "stored", full)
        os.kill(dead, signal.SIGKILL)
        until(lambda: len(tend(children, said)) == 3)
    assert "Dagster's daemon cannot be started: [Errno 28] No space left on device. It is tried again" in said[1]
    assert not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in started)
    assert pids(children)["daemon"] == dead
    until(lambda: "Dagster's daemon was started again." in tend(children, said))
    record = read_record(settings)
    assert record is not None
    assert record.latest()[0].process.is_alive()


def test_pauses_grow_and_a_long_life_is_a_new_beginning() -> None:
    restarts = Restarts(RetryPolicy(first=1.0, longest=8.0, attempts=4))
    assert [restarts.pause(lived=2.0) for _ in range(2)] == [1.0, 2.0]
    assert restarts.pause(lived=module.STEADY_SECONDS) == 1.0
    assert [restarts.pause(lived=2.0) for _ in range(3)] == [2.0, 4.0, None]
    restarts = Restarts(RetryPolicy(first=1.0, longest=8.0, attempts=2))
    assert [restarts.pause_of_another() for _ in range(5)] == [1.0, 2.0, 4.0, 8.0, 8.0]
    assert [restarts.pause(lived=2.0) for _ in range(2)] == [8.0, None]


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux are processes forked")
def test_processes_are_forked_once_all_is_imported(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "_fork_server", ForkServer([]))
    assert children.can_fork()  # or it would be waited for
    children.start_fork_server()
    until(children.can_fork)
    children.environment["GIVEN"] = "afterwards"
    children.start("api", [*WAITS[:2], "import os; print(os.environ['GIVEN'], os.getppid(), flush=True);" + WAITS[2]])
    before = pids(children)
    log = children.record.latest()[-1].log
    until(lambda: "here" in log.read_text())
    assert log.read_text() == f"afterwards {before['fork_server']}\nhere\n"
    os.kill(before["api"], signal.SIGKILL)
    said: list[str] = []
    until(lambda: len(tend(children, said)) == 2)
    assert said[0] == "The REST API ended (exit code -9) and is started again in 0 s."
    assert (pids(children)["fork_server"], pids(children)["api"] != before["api"]) == (before["fork_server"], True)


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux are processes forked")
def test_what_died_with_the_process_that_it_was_forked_off_is_forked_off_the_next_one(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "_fork_server", ForkServer([]))
    children.start_fork_server()
    until(children.can_fork)
    children.start("api", WAITS)
    os.kill(pids(children)["fork_server"], signal.SIGKILL)
    said: list[str] = []
    until(lambda: "The REST API was started again." in tend(children, said))
    assert psutil.Process(pids(children)["api"]).ppid() == pids(children)["fork_server"]


def test_what_cannot_be_forked_for_too_long_is_started_afresh(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "can_fork", lambda: False)
    children.start("api", WAITS)
    os.kill(pids(children)["api"], signal.SIGKILL)
    said: list[str] = []
    until(lambda: len(tend(children, said)) == 1)
    due = children._running["api"].due or 0.0
    until(lambda: time.monotonic() > due)
    assert tend(children, said) == said[:1]  # it is held
    monkeypatch.setattr(module, "FORK_SECONDS", 0.0)
    until(lambda: "The REST API was started again." in tend(children, said))


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux are processes forked")
def test_all_that_is_imported_can_be_and_leaves_one_thread() -> None:
    """What is forked has none of the threads of what it is forked off, but the locks that they held."""
    program = (
        "import importlib, sys, threading\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "print(threading.active_count(), 'grpc' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *IMPORTED], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "1 True\n", done.stderr
