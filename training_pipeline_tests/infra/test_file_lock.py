from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from training_pipeline.domain.errors import Conflict, NotFound
from training_pipeline.infra import file_lock
from training_pipeline.testing.polling import until

HOLD = """
import subprocess, sys
from pathlib import Path
from training_pipeline.infra import file_lock
with file_lock.hold(Path(sys.argv[1])):
    print(subprocess.Popen(["sleep", "600"]).pid, flush=True)
    sys.stdin.read()
"""


def test_only_one_holds_it_and_everyone_can_see_that(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert not file_lock.is_held(lock)
    assert not lock.exists()
    with file_lock.hold(lock):
        assert file_lock.is_held(lock)
        with pytest.raises(Conflict, match=str(lock)), file_lock.hold(lock, wait=False):
            pass
    assert not file_lock.is_held(lock)
    with file_lock.hold(lock, wait=False):
        pass


def test_a_killed_holder_frees_it_though_its_children_live(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    command = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        assert file_lock.is_held(lock)
        holder.kill()
        until(lambda: not file_lock.is_held(lock))
        os.kill(child, signal.SIGKILL)


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not file_lock.is_held(path)
    first = file_lock.try_lock(path)
    assert first is not None
    assert file_lock.is_held(path)
    assert file_lock.try_lock(path) is None
    os.close(first)
    assert not file_lock.is_held(path)


def test_a_waiting_holder_shares_only_with_sharers(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with file_lock.hold(path, shared=True), file_lock.hold(path, shared=True):
        assert file_lock.try_lock(path) is None
    with file_lock.hold(path):
        assert file_lock.is_held(path)
    assert not file_lock.is_held(path)


def test_a_child_that_is_given_the_lock_holds_it_until_it_dies(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = file_lock.try_lock(path)
    assert lock is not None
    sleeper = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleeper, pass_fds=[lock]) as holder, subprocess.Popen(sleeper, close_fds=False) as stranger:
        os.close(lock)
        assert file_lock.is_held(path)
        holder.kill()
        while os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT) is None:
            pass
        until(lambda: not file_lock.is_held(path), what="the release by a zombie")
        stranger.kill()


def test_a_directory_is_held_where_it_is_and_never_made(tmp_path: Path) -> None:
    directory = tmp_path / "sheets"
    for is_file in (False, True):
        if is_file:
            directory.touch()
        with pytest.raises(NotFound, match="'sheets'"), file_lock.hold_directory(directory):
            raise AssertionError
        assert not directory.is_dir()
    directory.unlink()
    directory.mkdir()
    with file_lock.hold_directory(directory):
        assert file_lock.is_held(directory)
        with pytest.raises(Conflict), file_lock.hold_directory(directory, wait=False):
            raise AssertionError
    assert not file_lock.is_held(directory)


@pytest.mark.parametrize("is_made_anew", [False, True])
def test_who_waits_for_a_directory_holds_the_one_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_made_anew: bool
) -> None:
    directory = tmp_path / "sheets"
    directory.mkdir()
    flock = fcntl.flock

    def removed_meanwhile(descriptor: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        directory.rename(tmp_path / "old")
        if is_made_anew:
            directory.mkdir()
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", removed_meanwhile)
    if is_made_anew:
        with file_lock.hold_directory(directory):
            assert file_lock.is_held(directory)
    else:
        with pytest.raises(NotFound), file_lock.hold_directory(directory):
            raise AssertionError
    assert directory.exists() is is_made_anew
