"""What a daemon would do for jobs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from training_pipeline.app.container import Services
from training_pipeline.cli.system.driver import drive
from training_pipeline.domain.job import ACTIVE


@contextmanager
def driver(services: Services) -> Iterator[None]:
    """While the block lasts, every job is launched, polled and finished, one after the other."""
    stopping = threading.Event()
    broken: list[BaseException] = []

    def work() -> None:
        try:
            with dg.DagsterInstance.ephemeral() as instance:
                while not stopping.wait(0.1):
                    for job in services.jobs.list(statuses=ACTIVE, limit=None)[0]:
                        drive(services, instance, job.id)
        except Exception as error:  # noqa: BLE001 - the test that waits is told
            broken.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(60)
        assert not broken, broken
