from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest

from training_pipeline.infra.process_identity import (
    START_TOLERANCE,
    ProcessIdentity,
    group_members,
    is_alive,
    kill_group,
)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """Leader of a session with one child of its own."""
    process = subprocess.Popen(
        ["sh", "-c", "sleep 60 & echo ready; wait"], start_new_session=True, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    for pid in group_members(ProcessIdentity(process.pid, 0.0, process.pid)):
        os.kill(pid, 9)
    process.wait()
    process.stdout.close()


def test_a_process_is_itself_from_one_look_to_the_next(sleeper: subprocess.Popen[bytes]) -> None:
    identity = ProcessIdentity.of(sleeper.pid)
    assert ProcessIdentity.from_json(identity.as_json()) == identity
    assert is_alive(identity)


def test_a_recycled_process_id_is_someone_else(sleeper: subprocess.Popen[bytes]) -> None:
    identity = ProcessIdentity.of(sleeper.pid)
    assert not is_alive(replace(identity, started=identity.started - START_TOLERANCE - 1))
    assert group_members(replace(identity, session=identity.session + 1)) == []


def test_a_zombie_is_dead_and_so_is_who_was_reaped(sleeper: subprocess.Popen[bytes]) -> None:
    identity = ProcessIdentity.of(sleeper.pid)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(identity)
    members = group_members(identity)
    assert len(members) == 1, "its child outlives it"
    assert sleeper.pid not in members
    sleeper.wait()
    assert not is_alive(identity)
    assert group_members(identity) == members


def test_killing_a_group_ends_every_member(sleeper: subprocess.Popen[bytes]) -> None:
    identity = ProcessIdentity.of(sleeper.pid)
    kill_group(identity)
    sleeper.wait()
    kill_group(identity)
    assert not is_alive(identity)
