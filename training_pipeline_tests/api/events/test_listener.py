"""Streams over a database that goes away, on a server of the test's own."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from training_pipeline.api.app import create_app
from training_pipeline.app.container import Services, assemble
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.job import JobStatus
from training_pipeline.infra.database import Database
from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
from training_pipeline.infra.state_directory import ensure_state_directory
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.jobs import ScriptedBackend, new_job
from training_pipeline.testing.polling import until
from training_pipeline.testing.servers.postgres import url_of
from training_pipeline.testing.servers.served_api import Message, Stream, served
from training_pipeline.training_jobs.store.events import EventType


@pytest.fixture
def server(state_dir: Path) -> EmbeddedPostgres:
    server = EmbeddedPostgres(state_dir / "postgres")
    server.start()
    return server


@pytest.fixture
def parts(server: EmbeddedPostgres, state_dir: Path) -> Iterator[Services]:
    settings = Settings(state_dir=state_dir, database_url=url_of(server))
    ensure_state_directory(settings)
    parts = assemble(settings, Database.at(url_of(server)), backend=ScriptedBackend())
    yield parts
    parts.store.engine.dispose()


def listeners(parts: Services) -> int:
    with parts.store.begin() as connection:
        query = text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
        return int(connection.execute(query).scalar_one())


def insisting(write: Callable[[], object]) -> None:
    """Write, however often the database has to be asked."""
    while True:
        try:
            write()
        except Unavailable:
            time.sleep(0.05)
        else:
            return


def test_no_event_is_lost_or_told_twice_over_restarts_of_the_database(
    server: EmbeddedPostgres, parts: Services
) -> None:
    store = parts.store
    job = store.create(new_job(status=JobStatus.RUNNING), message="Created.")
    received: list[list[Message]] = [[], [], []]
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            insisting(lambda: store.record(job.id, EventType.INFO, "event"))
            time.sleep(0.01)
        insisting(lambda: store.change(job, JobStatus.SUCCEEDED, message="Succeeded."))

    with served(create_app(parts.settings, parts)) as running:

        def read(into: list[Message]) -> None:
            with Stream(running.port, job.id, seconds=60) as stream:
                into.extend(stream)

        threads = [threading.Thread(target=read, args=(into,)) for into in received]
        threads.append(threading.Thread(target=write))
        for thread in threads:
            thread.start()

        def more() -> None:
            wanted = len(received[0]) + 5
            until(lambda: len(received[0]) >= wanted, seconds=120)

        for way in ("stop", "kill"):
            more()
            if way == "stop":
                server.stop()
            else:
                postmaster = server.pid()
                assert postmaster is not None
                os.kill(postmaster, signal.SIGKILL)
            time.sleep(0.5)
            server.start()
        more()
        until(lambda: listeners(parts) == 1)
        stop.set()
        for thread in threads:
            thread.join(60)
    journal = [event.id for event in store.events(job.id, limit=None, newest_first=False)[0]]
    for messages in received:
        assert [message.data["id"] for message in messages if message.event not in {"job", "end"}] == journal
        assert messages[-1].event == "end"


def test_a_connection_that_is_ended_is_made_anew(server: EmbeddedPostgres, parts: Services) -> None:
    job = parts.store.create(new_job(status=JobStatus.RUNNING), message="Created.")
    with served(create_app(parts.settings, parts)) as running:
        until(lambda: listeners(parts) == 1)
        with Stream(running.port, job.id) as stream:
            messages = iter(stream)
            assert [next(messages).event, next(messages).event] == ["job", "status_change"]
            with parts.store.begin() as connection:
                connection.execute(
                    text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
                )
            parts.store.change(job, JobStatus.FAILED, message="Failed.")
            assert [message.event for message in messages] == ["job", "error", "end"]
        until(lambda: listeners(parts) == 1)
    until(lambda: listeners(parts) == 0)
