from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from training_pipeline.api.app import create_app
from training_pipeline.api.middleware.limits import Bodies
from training_pipeline.app.container import Services
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import API, JOBS


async def never_called(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("the body was let through")


def answer_to(messages: list[Message], headers: list[tuple[bytes, bytes]], *, seconds: float = 5.0) -> list[Message]:
    """What the limit on bodies sends for a POST whose body comes in these messages, and then no more."""
    sent: list[Message] = []

    async def receive() -> Message:
        if not messages:
            await asyncio.sleep(60)
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/x", "headers": headers}
    limited = Bodies(never_called, max_bytes=10, seconds=seconds)
    asyncio.run(limited(scope, receive, send))
    return sent


JSON = [(b"content-type", b"application/json")]


def chunk(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_is_refused_before_it_is_read_where_it_says_its_length() -> None:
    start = answer_to([], [*JSON, (b"content-length", b"11")])[0]
    assert start["status"] == 413
    assert (b"connection", b"close") in start["headers"]


def test_a_body_without_a_length_is_refused_as_soon_as_it_is_too_long() -> None:
    assert answer_to([chunk(b"123456"), chunk(b"789012")], JSON)[0]["status"] == 413


@pytest.mark.parametrize("length", [b"-1", b"x", b"9" * 400, b"\xb2"])
def test_a_length_that_is_none_lets_nothing_through(length: bytes) -> None:
    assert answer_to([chunk(b"123456789012", more=False)], [*JSON, (b"content-length", length)])[0]["status"] == 413


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    assert answer_to([chunk(b"1")], JSON, seconds=0.05)[0]["status"] == 408


def test_a_client_that_goes_away_is_not_answered() -> None:
    assert answer_to([chunk(b"1"), {"type": "http.disconnect"}], JSON) == []


class TestTime:
    @pytest.fixture
    def release(self) -> Iterator[threading.Event]:
        event = threading.Event()
        yield event
        event.set()

    def test_a_request_that_takes_too_long_is_503(
        self, settings: Settings, services: Services, release: threading.Event, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(services.backend, "base_models", lambda: release.wait(20) and [])
        hurried = settings.model_copy(update={"api_request_seconds": 1.0})
        with TestClient(create_app(hurried, services)) as client:
            late = client.get(f"{API}/models")
            assert (late.status_code, late.json()["code"]) == (503, "time_limit")
            assert late.headers["Retry-After"]
            assert client.get(JOBS).status_code == 200
            release.set()
            assert client.get(f"{API}/models").json() == {"models": [], "total": 0}
