from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from training_pipeline.infra import processes
from training_pipeline.infra.processes import START_TOLERANCE, ProcessIdentity, allow_descriptors
from training_pipeline.testing.polling import until

# A leader with a child of its own; both ignore SIGTERM if told to.
FAMILY = """
import signal, subprocess, sys, time
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid, flush=True)
time.sleep(600)
"""
PARENT = """
import os, sys, time
from pathlib import Path
from training_pipeline.infra import processes
child = processes.start(["sleep", "600"], environment=os.environ, log=Path(sys.argv[1]))
print(child.pid, flush=True)
time.sleep(600)
"""


def family(log: Path, *arguments: str) -> tuple[subprocess.Popen[bytes], int]:
    process = processes.start([sys.executable, "-c", FAMILY, *arguments], environment=os.environ, log=log)
    until(lambda: log.read_text().endswith("\n"))
    return process, int(log.read_text())


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_child_leads_a_session_and_writes_to_a_closed_log(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    log.write_text("of the last time")
    process = processes.start(["sh", "-c", "echo $GIVEN; echo to stderr >&2"], environment={"GIVEN": "x"}, log=log)
    process.wait()
    assert log.read_text() == "x\nto stderr\n"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert (tmp_path / "child.log.1").read_text() == "of the last time"


def test_a_child_can_be_asked_to_end_where_we_ignore_it_ourselves(tmp_path: Path) -> None:
    before = {sign: signal.signal(sign, signal.SIG_IGN) for sign in (signal.SIGINT, signal.SIGTERM)}
    try:
        process = processes.start(["sleep", "600"], environment=os.environ, log=tmp_path / "log")
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)
    assert processes.end(ProcessIdentity.of(process.pid), grace=10)
    assert process.wait() == -signal.SIGTERM


def test_ending_takes_the_whole_group_along(tmp_path: Path) -> None:
    process, grandchild = family(tmp_path / "log")
    leader = ProcessIdentity.of(process.pid)
    assert {member.pid for member in leader.group()} == {process.pid, grandchild}
    assert processes.end(leader, grace=10)
    assert not alive(process.pid)
    assert not alive(grandchild)
    assert process.wait() == -signal.SIGTERM
    assert processes.end(leader, grace=10) is False


def test_a_stubborn_leader_is_killed_after_the_grace(tmp_path: Path) -> None:
    process, grandchild = family(tmp_path / "log", "stubborn")
    started = time.monotonic()
    assert processes.end(ProcessIdentity.of(process.pid), grace=0.3)
    assert 0.3 <= time.monotonic() - started < 10
    assert process.wait() == -signal.SIGKILL
    assert not alive(grandchild)


def test_hurry_ends_the_waiting(tmp_path: Path) -> None:
    process, _ = family(tmp_path / "log", "stubborn")
    started = time.monotonic()
    assert processes.end(ProcessIdentity.of(process.pid), grace=600, hurry=lambda: True)
    assert time.monotonic() - started < 30
    process.wait()


def test_what_a_dead_leader_left_behind_is_found_and_ended(tmp_path: Path) -> None:
    process, grandchild = family(tmp_path / "log")
    leader = ProcessIdentity.of(process.pid)
    process.kill()
    process.wait()
    assert not leader.is_alive()
    assert alive(grandchild)
    assert processes.end(leader, grace=5)
    assert not alive(grandchild)


def test_a_number_that_belongs_to_another_process_now_is_left_alone() -> None:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as innocent:
        now = ProcessIdentity.of(innocent.pid)
        earlier = replace(now, ticks=now.ticks - 3600) if now.ticks else replace(now, started=now.started - 3600)
        assert not earlier.is_alive()
        assert processes.end(earlier, grace=1) is False
        assert innocent.poll() is None
        innocent.kill()


def test_a_zombie_is_dead() -> None:
    process = subprocess.Popen(["sleep", "600"])
    identity = ProcessIdentity.of(process.pid)
    assert identity.is_alive()
    process.kill()
    until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
    assert not identity.is_alive()
    process.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path / "log")], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.kill()
        until(lambda: not alive(child))


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """Leader of a session with one child of its own."""
    process = subprocess.Popen(
        ["sh", "-c", "sleep 60 & echo ready; wait"], start_new_session=True, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    leader = ProcessIdentity.of(process.pid)
    yield process
    for member in leader.group():
        member.kill()
    process.wait()
    process.stdout.close()


def test_a_process_is_itself_from_one_look_to_the_next(sleeper: subprocess.Popen[bytes]) -> None:
    identity = ProcessIdentity.of(sleeper.pid)
    assert ProcessIdentity.from_json(identity.as_json()) == identity
    assert identity.is_alive()


def test_a_recycled_process_id_is_someone_else(sleeper: subprocess.Popen[bytes]) -> None:
    identity = ProcessIdentity.of(sleeper.pid)
    assert replace(identity, session=sleeper.pid + 1).group() == []
    by_clock = replace(identity, boot=None, ticks=None)
    assert by_clock.is_alive()
    assert not replace(by_clock, started=by_clock.started - START_TOLERANCE - 1).is_alive()
    assert replace(by_clock, started=by_clock.started + 3600).group() == [], "a session of its own number tells nothing"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the ticks since a boot")
def test_who_a_process_is_does_not_hang_on_the_clock(sleeper: subprocess.Popen[bytes]) -> None:
    identity = ProcessIdentity.of(sleeper.pid)
    assert identity.ticks is not None
    clock_set = replace(identity, started=identity.started + 86_400)
    assert clock_set.is_alive()
    assert len(clock_set.group()) == 2
    for other in (replace(identity, ticks=identity.ticks + 1), replace(identity, boot="another boot")):
        assert not other.is_alive()
        assert other.group() == []


def test_a_record_without_a_session_is_read(sleeper: subprocess.Popen[bytes]) -> None:
    identity = ProcessIdentity.of(sleeper.pid)
    record = {"pid": identity.pid, "started": identity.started}
    assert ProcessIdentity.from_json(record) == ProcessIdentity(identity.pid, identity.started)
    assert len(ProcessIdentity(identity.pid, identity.started).group()) == 2
    assert ProcessIdentity.from_json(None) is None


def test_a_zombie_is_dead_and_so_is_who_was_reaped(sleeper: subprocess.Popen[bytes]) -> None:
    identity = ProcessIdentity.of(sleeper.pid)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert not identity.is_alive()
    members = [member.pid for member in identity.group()]
    assert len(members) == 1, "its child outlives it"
    assert sleeper.pid not in members
    sleeper.wait()
    assert not identity.is_alive()
    assert [member.pid for member in identity.group()] == members


def test_killing_a_group_ends_every_member(sleeper: subprocess.Popen[bytes]) -> None:
    identity = ProcessIdentity.of(sleeper.pid)
    identity.kill_group()
    sleeper.wait()
    identity.kill_group()
    assert not identity.is_alive()


def test_a_server_may_have_many_connections() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        allow_descriptors(300)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 300
        allow_descriptors(280)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 300
        allow_descriptors(before[1] + 1)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == before[1]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
