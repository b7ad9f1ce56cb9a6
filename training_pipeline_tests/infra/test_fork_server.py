from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training_pipeline.infra import fork_server as module
from training_pipeline.infra import processes
from training_pipeline.infra.fork_server import UNSEEN, Forked, ForkServer
from training_pipeline.testing.polling import until
from training_pipeline.testing.soak import examples

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only on Linux are processes forked")
#: What is imported once; it says where.
IMPORTED = "import os\nPLACE = os.getpid()\n"
TELL = """
import json, os, signal, sys
import imported_once
print(json.dumps({
    "imported": imported_once.PLACE, "pid": os.getpid(), "session": os.getsid(0), "group": os.getpgid(0),
    "argv": sys.argv, "main": __name__, "environment": dict(os.environ), "input": sys.stdin.read(),
    "handlers": [signal.getsignal(sign) is signal.SIG_DFL for sign in (signal.SIGTERM, signal.SIGCHLD)],
    "interrupted": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")),
}))
"""
WAIT = [sys.executable, "-c", "import time; time.sleep(600)"]
HOLDER = """
import os, sys, time
from pathlib import Path
from training_pipeline.infra.fork_server import ForkServer
server, logs = ForkServer([]), Path(sys.argv[1])
process = server.launch(environment=os.environ, log=logs / "server.log")
while not server.is_ready():
    time.sleep(0.01)
forked = server.start([sys.executable, *{arguments!r}], environment=os.environ, log=logs / "log")
print(process.pid, forked.pid, flush=True)
time.sleep(600)
"""


class Serving:
    """A fork server that has imported a module of the test's, and its process."""

    def __init__(self, folder: Path) -> None:
        (folder / "imported_once.py").write_text(IMPORTED)
        (folder / "telling.py").write_text(TELL)
        self.folder = folder
        self.environment = {**os.environ, "PYTHONPATH": str(folder)}
        self.server = ForkServer(["json", "imported_once"])
        self.process = self.server.launch(environment=self.environment, log=folder / "server.log")
        until(self.server.is_ready)

    def start(self, *arguments: str, log: str = "log", **environment: str) -> Forked | subprocess.Popen[bytes]:
        return self.server.start(
            [sys.executable, *arguments], environment={**self.environment, **environment}, log=self.folder / log
        )

    def forked(self, *arguments: str, log: str = "log", **environment: str) -> Forked:
        process = self.start(*arguments, log=log, **environment)
        assert isinstance(process, Forked)
        return process

    def close(self) -> None:
        self.server.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    serving = Serving(tmp_path)
    yield serving
    serving.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    serving = Serving(tmp_path_factory.mktemp("shared"))
    yield serving
    serving.close()


def code(process: Forked | subprocess.Popen[bytes]) -> int:
    until(lambda: process.poll() is not None)
    assert process.returncode is not None
    return process.returncode


@pytest.mark.parametrize("arguments", [("-c", TELL), ("-m", "telling")])
def test_it_is_a_process_like_one_that_was_started(shared: Serving, arguments: tuple[str, str]) -> None:
    (shared.folder / "log").write_text("of the last time")
    process = shared.forked(*arguments, "one", "two words", GIVEN="ä=b")
    assert code(process) == 0
    told = json.loads((shared.folder / "log").read_text())
    assert told["imported"] == shared.process.pid != process.pid
    assert told["pid"] == told["session"] == told["group"] == process.pid == process.identity.session
    assert told["argv"][1:] == ["one", "two words"]
    assert told["argv"][0] == "-c" or told["argv"][0].endswith("telling.py")
    assert told["main"] == "__main__"
    assert told["environment"] == {**shared.environment, "GIVEN": "ä=b"}
    assert (told["input"], told["handlers"], told["interrupted"]) == ("", [True, True], True)
    assert told["descriptors"] == [0, 1, 2]
    assert stat.S_IMODE((shared.folder / "log").stat().st_mode) == 0o600
    assert (shared.folder / "log.1").read_text() == "of the last time"


ENDS = st.one_of(
    st.integers(0, 255).map(lambda number: f"sys.exit({number})"),
    st.sampled_from(["pass", "sys.exit()", "sys.exit('why')", "raise ValueError('why')", "os._exit(7)"]),
    st.sampled_from(["SIGTERM", "SIGKILL", "SIGINT", "SIGABRT"]).map(
        lambda name: f"os.kill(os.getpid(), signal.{name}); signal.pause()"
    ),
    st.just("atexit.register(print, 'at exit'); threading.Thread(target=lambda: print('in a thread')).start()"),
)


@given(end=ENDS, said=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), max_size=2))
@settings(max_examples=examples(10), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_ends_as_one_that_was_started(shared: Serving, end: str, said: list[str]) -> None:
    program = "import atexit, os, signal, sys, threading\nprint(sys.argv[1:], flush=True)\n" + end
    arguments = ["-c", program, *said]
    log = shared.folder / "started.log"
    started = processes.start([sys.executable, *arguments], environment=shared.environment, log=log)
    forked = shared.forked(*arguments, log="forked.log")
    assert code(forked) == code(started)

    def shown(name: str) -> list[str]:
        lines = (shared.folder / name).read_text().splitlines()
        # A traceback begins with the frames of who runs the program.
        return lines if "Traceback (most recent call last):" not in lines else [lines[0], lines[-1]]

    assert shown("forked.log") == shown("started.log")


def test_many_at_once_are_told_apart(shared: Serving) -> None:
    running = [shared.forked("-c", f"import sys; sys.exit({number})", log=f"{number}.log") for number in range(1, 9)]
    assert [code(process) for process in running] == list(range(1, 9))
    assert len({process.pid for process in running}) == 8


def test_before_all_is_imported_and_where_none_runs_processes_are_started(tmp_path: Path) -> None:
    server = ForkServer([])
    assert not server.is_ready()
    process = server.start([sys.executable, "-c", "print('here')"], environment=os.environ, log=tmp_path / "log")
    assert isinstance(process, subprocess.Popen)
    assert code(process) == 0
    assert (tmp_path / "log").read_text() == "here\n"


def test_what_cannot_be_imported_stands_in_its_log(tmp_path: Path) -> None:
    server = ForkServer(["no_such_module"])
    process = server.launch(environment=os.environ, log=tmp_path / "log")
    assert process.wait(timeout=60) == 1
    assert "No module named 'no_such_module'" in (tmp_path / "log").read_text()
    assert not server.is_ready()


def test_a_log_that_cannot_be_written_ends_the_process_alone(serving: Serving) -> None:
    (serving.folder / "closed").mkdir()
    process = serving.forked("-c", "pass", log="closed/no/log")
    assert code(process) == 1
    assert "No such file or directory" in (serving.folder / "server.log").read_text()
    assert code(serving.forked("-c", "pass")) == 0


def test_its_death_ends_what_was_forked_and_another_takes_its_place(serving: Serving) -> None:
    process = serving.forked(*WAIT[1:])
    serving.process.kill()
    assert code(process) in {UNSEEN, -signal.SIGTERM}
    assert not process.identity.is_alive()
    instead = serving.start("-c", "pass")
    assert isinstance(instead, subprocess.Popen)
    assert code(instead) == 0
    serving.process.wait()
    serving.process = serving.server.launch(environment=serving.environment, log=serving.folder / "server.log")
    until(serving.server.is_ready)
    assert code(serving.forked("-c", "pass")) == 0


def test_one_that_is_stuck_is_let_go(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.1)
    process = serving.forked(*WAIT[1:])
    serving.process.send_signal(signal.SIGSTOP)
    instead = serving.start("-c", "pass")
    assert isinstance(instead, subprocess.Popen)
    assert code(instead) == 0
    assert process.poll() is None
    serving.process.send_signal(signal.SIGCONT)
    assert code(process) == UNSEEN  # nobody was there to hear of it
    assert serving.process.wait(timeout=30) == 0


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_all_end_with_who_started_them(tmp_path: Path, sign: signal.Signals) -> None:
    program = HOLDER.replace("{arguments!r}", repr(WAIT[1:]))
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        pids = [int(number) for number in holder.stdout.readline().split()]
        assert len(pids) == 2
        holder.send_signal(sign)

    def alive(pid: int) -> bool:
        return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE

    until(lambda: not any(alive(pid) for pid in pids))
