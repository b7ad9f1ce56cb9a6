from __future__ import annotations

import socket
import time

import httpx
import pytest

from training_pipeline.api import server
from training_pipeline.api.app import create_app
from training_pipeline.api.events import sse
from training_pipeline.app.container import Services
from training_pipeline.domain.job import JobStatus
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import JOBS
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.testing.polling import until
from training_pipeline.testing.servers.served_api import Stream, served
from training_pipeline.training_jobs.store.events import EventType


def running_job(services: Services) -> str:
    return services.store.create(new_job(status=JobStatus.RUNNING), message="Created.").id


def test_streams_do_not_keep_a_server_from_ending(settings: Settings, services: Services) -> None:
    job_id = running_job(services)
    with served(create_app(settings, services)) as running, Stream(running.port, job_id) as stream:
        messages = iter(stream)
        next(messages)
        began = time.monotonic()
        running.end()
        assert time.monotonic() - began < 5  # and not the ten seconds that other requests are given
        assert [message.event for message in messages] == ["status_change"]


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="other systems do not have it")
def test_nothing_is_kept_for_a_client_that_is_gone(
    settings: Settings, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "SEND_SECONDS", 0.3)
    monkeypatch.setattr(server, "CLIENT_MILLISECONDS", 500)
    job_id = running_job(services)
    for _ in range(150):
        services.store.record(job_id, EventType.INFO, "large", data={"text": "x" * 60_000})
    with (
        served(create_app(settings, services)) as running,
        socket.create_connection(("127.0.0.1", running.port)) as client,
    ):
        client.sendall(f"GET {JOBS}/{job_id}/events/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        connections = running.server.server_state.connections
        until(lambda: len(connections) == 1)
        until(lambda: len(connections) == 0)  # though it was never closed


@pytest.mark.parametrize(
    ("trusted", "answers"),
    [
        pytest.param("127.0.0.0/8", [401, 401, 401], id="those of a proxy that is trusted"),
        pytest.param("198.51.100.7", [401, 401, 429], id="not those of another machine"),
        pytest.param(None, [401, 401, 429], id="nobody's where none is trusted"),
    ],
)
def test_forwarded_addresses_are_believed_of(
    trusted: str | None, answers: list[int], settings: Settings, services: Services
) -> None:
    """Failures are counted by address: two may fail from each."""
    asking = settings.model_copy(update={"auth": "token", "api_failures_per_minute": 2.0})
    with served(create_app(asking, services), trusted_proxies=trusted) as running:
        seen = [
            httpx.get(f"{running.url}{JOBS}", headers={"X-Forwarded-For": client}, timeout=60).status_code
            for client in ("203.0.113.1", "203.0.113.1", "203.0.113.2")
        ]
        again = httpx.get(f"{running.url}{JOBS}", headers={"X-Forwarded-For": "203.0.113.1"}, timeout=60)
    assert seen == answers
    assert again.status_code == 429
