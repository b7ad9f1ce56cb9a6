from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

from training_pipeline.cli.system.postgres_watch import PostgresWatch
from training_pipeline.domain.errors import Unavailable
from training_pipeline.infra.database import Database
from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
from training_pipeline.testing.polling import until
from training_pipeline.testing.servers.postgres import copy_of, reachable_directory


@pytest.fixture
def server(prepared: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    with reachable_directory() as directory:
        server = copy_of(prepared, directory / "postgres")
        server.start()
        yield server
        server.stop()


def tend(watch: PostgresWatch, said: list[str]) -> bool:
    said += watch.tend()
    return bool(said)


def test_a_stuck_server_is_ended_and_restarted_and_a_killed_one_too(server: EmbeddedPostgres) -> None:
    """Its socket is there, and it says nothing."""
    said: list[str] = []
    engine = Database(server.url()).engine(pooled=False)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept AS SELECT 7 AS seven"))
    with closing(PostgresWatch(server, ask_seconds=0.1, stuck_seconds=1.0)) as watch:
        assert watch.tend() == []
        stuck = server.pid()
        assert stuck is not None
        os.kill(stuck, signal.SIGSTOP)
        until(lambda: tend(watch, said))
        assert said.pop().endswith("and was ended and restarted.")
        after = server.pid()
        assert after not in {None, stuck}
        assert server.accepts_connections()
        assert watch.tend() == []
        os.kill(after or 0, signal.SIGKILL)
        until(lambda: tend(watch, said))
        assert said == ["PostgreSQL had stopped and was restarted."]
    with engine.connect() as connection:
        assert connection.execute(text("SELECT seven FROM kept")).scalar_one() == 7


class Broken(EmbeddedPostgres):
    """A server that cannot be started."""

    def pid(self) -> int | None:
        return None

    def start(self) -> None:
        raise Unavailable("PostgreSQL cannot be started: No space left on device.")


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "[Errno 24] Too many open files"),
        (psutil.AccessDenied(7), "(pid=7)"),
    ],
)
def test_a_server_that_cannot_be_looked_at_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception, message: str
) -> None:
    def fail(_: EmbeddedPostgres) -> int | None:
        raise failure

    monkeypatch.setattr(EmbeddedPostgres, "pid", fail)
    with closing(PostgresWatch(EmbeddedPostgres(tmp_path))) as watch:
        assert watch.tend() == [f"PostgreSQL could not be looked at: {message}. It is tried again in 1 s."]
        assert watch.tend() == []


def test_a_server_that_cannot_be_started_is_tried_again_for_as_long_as_it_takes(tmp_path: Path) -> None:
    with closing(PostgresWatch(Broken(tmp_path))) as watch:
        for number in range(30):
            watch._due = 0.0
            said = (
                f"PostgreSQL cannot be started: No space left on device. It is tried again in {min(60, 2**number)} s."
            )
            assert watch.tend() == [said]
            assert watch.tend() == []
        assert watch.tend() == []


class Unasked(EmbeddedPostgres):
    """A server that lives, and cannot be asked."""

    def pid(self) -> int | None:
        return os.getpid()

    def answers(self) -> bool:
        raise MemoryError("out of it")

    def kill(self) -> None:
        raise AssertionError("it lives")


def test_a_server_that_cannot_be_asked_is_not_taken_for_a_stuck_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    with closing(PostgresWatch(Unasked(tmp_path), ask_seconds=0.001)) as watch:
        until(lambda: tend(watch, said))
        until(lambda: watch._silent_since is None)
        asked = threading.Event()
        monkeypatch.setattr(Unasked, "answers", lambda _: asked.set())
        assert asked.wait(60), "it is asked no more"
    assert said == ["PostgreSQL could not be asked whether it answers (MemoryError: out of it)."]
