from __future__ import annotations

import ast
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal
from sqlalchemy.exc import OperationalError

from training_pipeline.backends.local.run_directory import RunDirectory
from training_pipeline.cli.system.daemon import LINGER_SECONDS, RESTING, SENSORS, Rest, command, notice
from training_pipeline.definitions import defs
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.job import JobStatus, Phase
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.testing.polling import until
from training_pipeline.training_jobs.lifecycle.claims import claim
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.notify import Work


class Heard:
    """What was noticed since it was asked last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._work: list[Work] = []

    def hear(self, work: Work) -> None:
        with self._lock:
            self._work.append(work)

    def only(self, *expected: Work) -> None:
        """Wait until this is what was noticed."""
        until(lambda: len(self._work) >= len(expected), seconds=120)
        with self._lock:
            assert sorted(self._work) == sorted(expected)
            self._work.clear()


@pytest.fixture
def heard(database: Database, runs: Path) -> Iterator[Heard]:
    heard = Heard()
    with start_blocking_portal() as portal:
        noticing = portal.start_task_soon(notice, database, runs, heard.hear)
        try:
            yield heard
        finally:
            noticing.cancel()


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@contextmanager
def told(heard: Heard, *expected: Work) -> Iterator[None]:
    yield
    heard.only(*expected)


def test_work_is_noticed_where_it_is_made(store: JobStore, heard: Heard) -> None:
    heard.only(*Work)  # what was announced before anybody listened
    with told(heard, Work.LAUNCH):
        job = store.create(new_job(), message="Created.")
    claim(store, Phase.LAUNCH)
    with told(heard, Work.POLL):
        queued = store.change(job, JobStatus.QUEUED, message="Queued.")
    assert queued is not None
    with told(heard, Work.POLL):
        assert store.update(job.id, {"progress_percent": 1.0})  # no work
        assert store.update(job.id, {"backend_status": JobStatus.SUCCEEDED})


def test_what_a_local_run_has_to_tell_is_noticed(heard: Heard, runs: Path) -> None:
    heard.only(*Work)
    runs.mkdir()
    for _ in range(2):
        with told(heard, Work.POLL):
            RunDirectory(runs / "tj-1-1").tell()


def test_the_sensors_that_are_woken_and_those_that_rest_are_there() -> None:
    assert set(SENSORS) == set(Work)
    often = {each.name for each in defs().sensors or [] if each.minimum_interval_seconds == Settings().poll_seconds}
    assert set(SENSORS.values()) <= often == RESTING.keys()


def test_sensors_rest_a_while_after_the_last_thing_has_ended_and_no_longer_than_nothing_is_under_way() -> None:
    now, asked = 1000.0, 0

    def is_active() -> bool:
        nonlocal asked
        asked += 1
        return active

    rest, active = Rest(is_active, seconds=5.0, clock=lambda: now), False
    assert rest("poll_training_jobs") is None  # it has just begun
    now += LINGER_SECONDS
    assert {name: rest(name) for name in RESTING} == dict(RESTING)
    assert (RESTING["poll_training_jobs"], RESTING["watch_revocations"]) == (30, 10)
    assert rest("somebody_else_s") is None
    active, before = True, asked
    now += 4.9
    assert (rest("poll_training_jobs"), asked) == (30, before)
    now += 0.1
    assert rest("poll_training_jobs") is None
    active = False
    now += LINGER_SECONDS - 0.1
    assert rest("poll_training_jobs") is None
    now += 5.0
    assert rest("poll_training_jobs") == 30


@pytest.mark.parametrize("error", [Unavailable("It does not answer."), OperationalError("SELECT", {}, Exception())])
def test_none_rests_where_it_cannot_be_told(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    now = 1000.0

    def is_active() -> bool:
        raise error

    rest = Rest(is_active, seconds=5.0, clock=lambda: now)
    for _ in range(3):
        now += LINGER_SECONDS
        assert rest("poll_training_jobs") is None
    assert type(error).__name__ in caplog.text


def test_the_command_names_the_workspace_whatever_its_path_holds(tmp_path: Path) -> None:
    code = command(tmp_path / 'it\'s "here"')[-1].removeprefix(
        "from training_pipeline.cli.system.daemon import serve; serve"
    )
    assert ast.literal_eval(code) == str(tmp_path / 'it\'s "here"')
