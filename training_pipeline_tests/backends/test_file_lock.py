from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from training_pipeline.backends.file_lock import is_held, locked, try_lock


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_held(path)
    first = try_lock(path)
    assert first is not None
    assert is_held(path)
    assert try_lock(path) is None
    os.close(first)
    assert not is_held(path)


def test_a_waiting_holder_shares_only_with_sharers(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path, shared=True), locked(path, shared=True):
        assert try_lock(path) is None
    with locked(path):
        assert is_held(path)
    assert not is_held(path)


def test_a_child_that_is_given_the_lock_holds_it_until_it_dies(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = try_lock(path)
    assert lock is not None
    sleeper = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleeper, pass_fds=[lock]) as holder, subprocess.Popen(sleeper, close_fds=False) as stranger:
        os.close(lock)
        assert is_held(path)
        holder.kill()
        while os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT) is None:
            pass
        assert not is_held(path), "a zombie holds nothing, and a child that was not given it never did"
        stranger.kill()
