"""The stream of a job's events, over a real server."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import Any

import pytest
from fastapi.testclient import TestClient

from training_pipeline.api.app import create_app
from training_pipeline.api.events import live, sse
from training_pipeline.app.container import Services
from training_pipeline.domain.job import JobStatus
from training_pipeline.schemas.event import TrainingJobEvent
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import JOBS
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.testing.polling import until
from training_pipeline.testing.servers.served_api import Message, Served, Stream, served
from training_pipeline.training_jobs.store.events import EventType


@pytest.fixture
def here(settings: Settings, services: Services) -> Iterator[Served]:
    with served(create_app(settings, services)) as running:
        until(lambda: running.live.listening)  # whose start wakes all followers once
        yield running


def job(services: Services, status: JobStatus = JobStatus.RUNNING, **values: Any) -> str:
    return services.store.create(new_job(status=status, **values), message="Created.").id


def finish(services: Services, job_id: str) -> None:
    assert services.store.change(services.store.get(job_id), JobStatus.SUCCEEDED, message="Succeeded.")


def numbered(messages: list[Message]) -> list[str]:
    """The sentences of the events among the messages."""
    return [message.data["message"] for message in messages if message.event not in {"job", "end"}]


def test_a_job_is_told_from_its_start_to_its_end(here: Served, services: Services) -> None:
    job_id = job(services)
    with Stream(here.port, job_id) as stream:
        assert stream.response.status == 200
        assert stream.response.headers["Content-Type"].startswith("text/event-stream")
        messages = iter(stream)
        first, created = islice(messages, 2)
        assert stream.retry == sse.RETRY_MILLISECONDS
        assert (first.event, first.last_id, first.data["status"]) == ("job", "", "running")
        assert TrainingJob.model_validate(first.data).id == job_id
        assert TrainingJobEvent.model_validate(created.data).message == "Created."
        assert (created.event, created.last_id) == ("status_change", str(created.data["id"]))
        began = time.monotonic()
        services.store.update(job_id, {"progress_percent": 40.0, "train_loss": 0.5})
        progress = next(messages)
        assert (progress.event, progress.data["progress_percent"], progress.data["train_loss"]) == ("job", 40.0, 0.5)
        assert progress.last_id == created.last_id
        assert time.monotonic() - began < 5  # and not at the next heartbeat
        finish(services, job_id)
        rest = list(messages)
    assert [message.event for message in rest] == ["job", "status_change", "end"]
    assert rest[0].data["progress_percent"] == 100.0
    assert rest[-1].data == {"job_id": job_id, "status": "succeeded"}
    with Stream(here.port, job_id, last_id=rest[-1].last_id) as stream:
        assert stream.response.status == 204


@pytest.mark.parametrize("how", ["header", "query", "both"])
def test_what_was_received_is_not_sent_again(here: Served, services: Services, how: str) -> None:
    job_id = job(services)
    for number in range(3):
        services.store.record(job_id, EventType.INFO, f"event {number}")
    finish(services, job_id)
    ids = [str(event.id) for event in services.store.events(job_id, newest_first=False)[0]]
    last_id = "" if how == "query" else ids[1]
    query = {"header": "", "query": f"?last_event_id={ids[1]}", "both": f"?last_event_id={ids[0]}"}[how]
    with Stream(here.port, job_id, last_id=last_id, query=query) as stream:
        assert numbered(list(stream)) == ["event 1", "event 2", "Succeeded."]


def test_more_events_than_are_read_at_once_all_come(
    here: Served, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "EVENTS_AT_ONCE", 3)
    job_id = job(services)
    for number in range(10):
        services.store.record(job_id, EventType.INFO, f"event {number}")
    finish(services, job_id)
    with Stream(here.port, job_id) as stream:
        messages = list(stream)
    assert numbered(messages) == ["Created.", *(f"event {number}" for number in range(10)), "Succeeded."]
    assert [message.event for message in messages].count("end") == 1


def test_what_cannot_be_streamed_is_a_problem_document(client: TestClient, services: Services) -> None:
    unknown = client.get(f"{JOBS}/none/events/stream")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    for bad in ("x", "-1", str(2**63), "1.5"):
        for given in ({"headers": {"Last-Event-ID": bad}}, {"params": {"last_event_id": bad}}):
            refused = client.get(f"{JOBS}/{job(services)}/events/stream", **given)  # type: ignore[arg-type]
            assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request"), given
            assert refused.headers["Content-Type"] == "application/problem+json"


def test_head_and_options_do_not_wait_for_a_stream(client: TestClient, services: Services) -> None:
    path = f"{JOBS}/{job(services)}/events/stream"
    head = client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Type"].startswith("text/event-stream")
    assert client.options(path).headers["Allow"] == "GET, HEAD, OPTIONS"


def test_head_of_a_stream_over_a_real_server(here: Served, services: Services) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", here.port, timeout=10)
    connection.request("HEAD", f"{JOBS}/{job(services)}/events/stream")
    assert connection.getresponse().status == 200
    connection.close()


def test_changes_come_once_a_second_at_most_and_the_last_one_always(here: Served, services: Services) -> None:
    job_id = job(services)
    with Stream(here.port, job_id) as stream:
        messages = iter(stream)
        assert [message.event for message in islice(messages, 2)] == ["job", "status_change"]
        began, step = time.monotonic(), 0
        while time.monotonic() - began < 2.5:
            step += 1
            services.store.update(job_id, {"current_step": step})
        finish(services, job_id)
        rest = list(messages)
    seen = [message.data["current_step"] for message in rest if message.event == "job"]
    assert seen == sorted(set(seen))
    assert seen[-1] == step
    assert 2 <= len(seen) <= 5


def test_bookkeeping_wakes_nobody(here: Served, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.3)
    job_id = job(services)
    with Stream(here.port, job_id) as stream, ThreadPoolExecutor(1) as reader:
        messages = iter(stream)
        next(messages)
        next(messages)
        following = reader.submit(next, messages)
        until(lambda: len(stream.comments) >= 3)  # what was announced of the creation has come
        services.store.update(job_id, {"poll_errors": 1, "polled_at": None})
        until(lambda: len(stream.comments) >= 7)  # 0.9 seconds without news at least
        finish(services, job_id)
        assert following.result().data["status"] == "succeeded"
    assert set(stream.comments) == {"heartbeat"}


def followers(here: Served) -> int:
    return sum(len(topic.followers) for topic in here.live._topics.values())


def test_all_who_follow_a_job_share_a_look(here: Served, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = job(services)
    looks: list[object] = []
    news = services.store.news

    def counted(*arguments: Any, **options: Any) -> Any:
        looks.append(arguments)
        return news(*arguments, **options)

    monkeypatch.setattr(services.store, "news", counted)

    def follow(_: int) -> list[Message]:
        with Stream(here.port, job_id) as stream:
            return list(stream)

    with ThreadPoolExecutor(30) as pool:
        following = [pool.submit(follow, number) for number in range(30)]
        until(lambda: followers(here) == 30)
        time.sleep(0.3)
        looks.clear()
        finish(services, job_id)
        told = [future.result() for future in following]
    assert all(
        [message.event for message in one] == ["job", "status_change", "job", "status_change", "end"] for one in told
    )
    assert len(looks) <= 2


def test_those_who_go_away_are_forgotten(here: Served, services: Services) -> None:
    job_id = job(services)
    with Stream(here.port, job_id) as stream:
        next(iter(stream))
        assert followers(here) == 1
    until(lambda: followers(here) == 0)
    assert here.live._topics == {}


def test_only_so_many_can_follow(here: Served, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_FOLLOWERS", 1)
    job_id = job(services)
    with Stream(here.port, job_id):
        with Stream(here.port, job_id) as second:
            assert second.response.status == 503
            assert json.load(second.response)["code"] == "too_many_streams"
            assert second.response.headers["Retry-After"]
        finish(services, job_id)
    until(lambda: followers(here) == 0)


def test_a_stream_ends_after_a_while_and_is_continued(
    here: Served, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_SECONDS", 0.5)
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.2)
    job_id = job(services)
    with Stream(here.port, job_id) as stream:
        messages = list(stream)
    assert [message.event for message in messages] == ["job", "status_change"]
    finish(services, job_id)
    with Stream(here.port, job_id, last_id=stream.last_id) as stream:
        assert [message.event for message in stream] == ["job", "status_change", "end"]


def test_a_client_that_stops_reading_is_cut_off_and_goes_on_later(
    settings: Settings, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "SEND_SECONDS", 0.5)
    job_id = job(services)
    size, count = 60_000, 200  # more than the buffers of the kernel and the server take
    for number in range(count):
        services.store.record(job_id, EventType.INFO, f"event {number}", data={"text": "x" * size})
    with served(create_app(settings, services)) as running:
        with Stream(running.port, job_id) as stream:
            until(lambda: followers(running) == 1)
            until(lambda: followers(running) == 0)
            received = []
            with suppress(http.client.IncompleteRead):
                for message in stream:
                    received.append(message)
        finish(services, job_id)
        with Stream(running.port, job_id, last_id=stream.last_id) as again:
            rest = list(again)
    assert 0 < len(received) < count
    assert [*numbered(received), *numbered(rest)] == [
        "Created.",
        *(f"event {number}" for number in range(count)),
        "Succeeded.",
    ]
    assert rest[-1].event == "end"
