"""What is announced, and that the events of a job are seen in the order of their ids whoever writes them."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import text

from training_pipeline.domain.job import JobStatus, Phase
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.testing.jobs.jobs import new_job, point
from training_pipeline.training_jobs.lifecycle import claims
from training_pipeline.training_jobs.store import metrics
from training_pipeline.training_jobs.store.events import SYSTEM, EventType, record_event
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.notify import BOOKKEEPING, CHANNEL, WORK_CHANNEL, Work, work_of
from training_pipeline.training_jobs.store.tables import training_jobs


class Ear:
    """Hears what is announced."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    def heard(self) -> list[str]:
        """What was announced since the last time."""
        self._driver.cursor().execute("SELECT 1")  # whatever was committed before this has come with its answer
        self._driver.poll()
        payloads = [notification.payload for notification in self._driver.notifies]
        self._driver.notifies.clear()
        return payloads


@pytest.fixture
def ear(request: pytest.FixtureRequest, store: JobStore) -> Iterator[Ear]:
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"LISTEN {getattr(request, 'param', CHANNEL)}"))
        yield Ear(connection.connection.driver_connection)
        connection.invalidate()


def test_what_clients_see_is_announced_once_and_bookkeeping_is_not(store: JobStore, ear: Ear) -> None:
    job = store.create(new_job(), message="Created.")
    assert ear.heard() == [job.id]
    claims.claim(store, Phase.LAUNCH)
    store.update(job.id, {"polled_at": job.created_at, "poll_errors": 0, "metrics_offset": 0})
    assert ear.heard() == []
    assert claims.release(store, Phase.LAUNCH, job.id, 1, why="killed")
    assert ear.heard() == [job.id]
    queued = store.change(job, JobStatus.QUEUED, message="queued")
    assert queued is not None
    assert ear.heard() == [job.id]
    store.update(job.id, {"progress_percent": 1.0, "poll_errors": 0})
    assert ear.heard() == [job.id]
    store.update(job.id, {"lost_since": None}, event=(EventType.INFO, "found again"))
    assert ear.heard() == [job.id]
    metrics.add_points(store, queued, [point("learning_rate", 1, 0.1)], 1)
    assert ear.heard() == [job.id]
    store.record(job.id, EventType.INFO, "a secret sentence")
    assert ear.heard() == [job.id]


def test_what_is_not_written_is_not_announced(store: JobStore, ear: Ear) -> None:
    job = store.create(new_job(), message="Created.")
    ear.heard()
    assert store.change(job.model_copy(update={"status": JobStatus.QUEUED}), JobStatus.RUNNING, message="late") is None
    assert store.update(job.id, {"progress_percent": 5.0}, where={"current_step": 7}) is None
    with store.engine.connect() as connection:
        record_event(connection, job.id, EventType.INFO, "never", SYSTEM)
        connection.rollback()
    assert ear.heard() == []
    assert store.events(job.id)[1] == 1


def test_every_column_that_clients_see_is_announced() -> None:
    columns = {column.name for column in training_jobs.columns}
    made = {"allowed_actions", "pairs_counted", "advice", "links", "mlflow_run_url", "model_url"}  # of these columns
    elsewhere = {"tokens_processed", "cost_dbu", "custom_metrics"}  # among the metrics of a job
    assert columns - BOOKKEEPING == {*TrainingJob.model_fields, *elsewhere} - made


@contextmanager
def writing(store: JobStore, job_id: str) -> Iterator[None]:
    """A transaction that has written an event and is committed when the block ends."""
    with store.begin() as connection:
        record_event(connection, job_id, EventType.INFO, "held back", SYSTEM)
        yield


def test_an_event_waits_for_an_earlier_one_of_its_job_alone(store: JobStore) -> None:
    job, other = (store.create(new_job(), message="Created.") for _ in range(2))
    later = threading.Thread(target=store.record, args=(job.id, EventType.INFO, "later"))
    with writing(store, job.id):
        later.start()
        store.record(other.id, EventType.INFO, "of another job")
        later.join(0.3)
        assert later.is_alive()
        assert [event.message for event in store.news(job.id, after=0, limit=9)[1]] == ["Created."]
    later.join(10)
    assert [event.message for event in store.news(job.id, after=0, limit=9)[1]] == ["Created.", "held back", "later"]


def test_whoever_reads_on_from_the_last_id_misses_nothing(store: JobStore) -> None:
    job = store.create(new_job(status=JobStatus.RUNNING), message="Created.")
    writers, each = 6, 25

    def write(seed: int) -> None:
        chance = random.Random(seed)
        for number in range(each):
            way = chance.randrange(3)
            if way == 0:
                store.record(job.id, EventType.INFO, "recorded")
            elif way == 1:
                store.update(job.id, {"current_step": number}, event=(EventType.PROGRESS_UPDATE, "updated"))
            else:
                with store.begin() as connection:
                    record_event(connection, job.id, EventType.INFO, "slow", SYSTEM)
                    time.sleep(chance.random() * 0.004)

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(writers)]
    for thread in threads:
        thread.start()
    seen = [0]
    while True:
        alive = any(thread.is_alive() for thread in threads)
        _, events = store.news(job.id, after=seen[-1], limit=1000)
        seen += [event.id for event in events]
        if not alive and not events:
            break
    assert seen[1:] == [event.id for event in store.events(job.id, limit=None, newest_first=False)[0]]
    assert len(seen[1:]) == 1 + writers * each


@pytest.mark.parametrize("ear", [WORK_CHANNEL], indirect=True)
def test_work_is_announced_once_for_what_makes_it(store: JobStore, ear: Ear) -> None:
    job = store.create(new_job(), message="Created.")
    assert ear.heard() == ["launch"]
    claims.claim(store, Phase.LAUNCH)
    store.update(job.id, {"poll_errors": 0, "progress_percent": 1.0})
    assert ear.heard() == []
    queued = store.change(job, JobStatus.QUEUED, message="queued")
    assert queued is not None
    assert ear.heard() == ["poll"]
    with store.begin() as connection:
        inside = store.within(connection)
        for _ in range(3):
            inside.update(job.id, {"backend_status": JobStatus.SUCCEEDED})
    assert ear.heard() == ["poll"]
    store.update(job.id, {"finalize_after": None})
    assert ear.heard() == ["poll"]
    with store.begin() as connection:
        store.within(connection).create(new_job(), message="Created.")
        connection.rollback()
    assert ear.heard() == []


@pytest.mark.parametrize(
    ("columns", "work"),
    [
        ({"status": JobStatus.PENDING}, Work.LAUNCH),
        ({"status": JobStatus.QUEUED}, Work.POLL),
        ({"status": JobStatus.RUNNING}, None),
        ({"status": JobStatus.FAILED}, None),
        ({"status": JobStatus.FAILED, "backend_status": JobStatus.FAILED}, Work.POLL),
        ({"backend_status": None}, None),
        ({"finalize_after": None}, Work.POLL),
        ({"finalize_after": "later"}, None),
        ({}, None),
    ],
)
def test_what_there_is_to_do(columns: dict[str, Any], work: Work | None) -> None:
    assert work_of(columns) is work
