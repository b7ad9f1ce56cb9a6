"""The app on a real server, and what a daemon would do for its jobs."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import uvicorn
from fastapi import FastAPI

from training_pipeline.cli.in_process import drive
from training_pipeline.domain.job import ACTIVE
from training_pipeline.training_jobs.services import Services
from training_pipeline_tests.polling import until


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address of the app, served on a free port while the block lasts."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=5))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            until(lambda: server.started)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)


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
