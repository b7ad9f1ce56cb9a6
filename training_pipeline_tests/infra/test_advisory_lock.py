from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import text

from training_pipeline.domain.errors import Conflict
from training_pipeline.infra import advisory_lock
from training_pipeline.infra.database import Database
from training_pipeline.testing.polling import until

HOLD = """
import sys, time
from pydantic import SecretStr
from training_pipeline.infra import advisory_lock
from training_pipeline.infra.database import Database
with advisory_lock.hold(Database.at(SecretStr(sys.argv[1])), "job"):
    print("held", flush=True)
    time.sleep(600)
"""


def connections(database: Database) -> int:
    query = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
    with database.engine(pooled=False).connect() as connection:
        return int(connection.execute(query).scalar_one())


@given(st.text())
def test_every_key_has_a_number_that_postgresql_can_store(key: str) -> None:
    assert -(2**63) <= advisory_lock.number(key) < 2**63


def test_the_number_of_a_key_never_changes() -> None:
    assert (
        advisory_lock.number("launch:tj-1") == 4131387191115367557
    )  # sha256sum of "training_pipeline:launch:tj-1", 16 digits


def test_a_lock_is_held_until_its_block_ends(empty_database: Database) -> None:
    assert not advisory_lock.is_held(empty_database, "job")
    with advisory_lock.hold(empty_database, "job"):
        assert advisory_lock.is_held(empty_database, "job")
        assert not advisory_lock.is_held(empty_database, "another")
        with pytest.raises(Conflict, match="job"), advisory_lock.hold(empty_database, "job"):
            pass
        with advisory_lock.hold(empty_database, "another"):
            pass
    assert not advisory_lock.is_held(empty_database, "job")


def test_an_error_in_the_block_frees_it(empty_database: Database) -> None:
    with pytest.raises(KeyError), advisory_lock.hold(empty_database, "job"):
        raise KeyError
    assert not advisory_lock.is_held(empty_database, "job")


def test_it_can_be_waited_for(empty_database: Database) -> None:
    release = threading.Event()
    held = threading.Event()

    def first() -> None:
        with advisory_lock.hold(empty_database, "job"):
            held.set()
            release.wait(20)

    thread = threading.Thread(target=first)
    thread.start()
    held.wait(20)
    started = time.monotonic()
    with pytest.raises(Conflict), advisory_lock.hold(empty_database, "job", wait=0.2):
        pass
    assert 0.2 <= time.monotonic() - started < 5
    release.set()
    with advisory_lock.hold(empty_database, "job", wait=20):
        pass
    thread.join()


def test_looking_and_failing_leave_no_connection_behind(empty_database: Database) -> None:
    with advisory_lock.hold(empty_database, "job"):
        before = connections(empty_database)
        for _ in range(5):
            advisory_lock.is_held(empty_database, "job")
            with pytest.raises(Conflict), advisory_lock.hold(empty_database, "job"):
                pass
        until(lambda: connections(empty_database) == before)


def test_databases_do_not_share_locks(empty_database: Database, database: Database) -> None:
    with advisory_lock.hold(empty_database, "job"):
        assert not advisory_lock.is_held(database, "job")


def test_the_lock_of_a_killed_process_is_free(database_url: SecretStr) -> None:
    database = Database.at(database_url)
    command = [sys.executable, "-c", HOLD, database_url.get_secret_value()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert advisory_lock.is_held(database, "job")
        os.kill(holder.pid, signal.SIGKILL)
        until(lambda: not advisory_lock.is_held(database, "job"))


def test_a_holder_whose_connection_was_cut_ends_in_peace(empty_database: Database) -> None:
    cut = text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
    with advisory_lock.hold(empty_database, "job"), empty_database.engine(pooled=False).connect() as other:
        other.execute(cut)
    assert not advisory_lock.is_held(empty_database, "job")
