from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from training_pipeline.client.jobs import stream
from training_pipeline.client.jobs.base import Notice, Update
from training_pipeline.client.remote import RemoteClient
from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.job import JobStatus
from training_pipeline.schemas.event import TrainingJobEvent
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.testing.jobs.api_answers import event, job, service

RUNNING, DONE = job(), job(JobStatus.SUCCEEDED)
BEAT = b": heartbeat\n\n"


def told(*updates: TrainingJob | TrainingJobEvent) -> bytes:
    """The messages of a stream, as the service sends them."""
    text = "retry: 3000\n\n"
    for update in updates:
        if isinstance(update, TrainingJob):
            text += f"event: job\ndata: {update.model_dump_json()}\n\n"
        else:
            text += f"event: {update.type}\ndata: {update.model_dump_json()}\nid: {update.id}\n\n"
    return text.encode()


END = b'event: end\ndata: {"job_id":"tj-1","status":"succeeded"}\n\n'


class Broken(httpx2.SyncByteStream):
    """A body that breaks off after its pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces
        raise httpx2.ReadError("reset")


class Played:
    """A service that streams one answer after the other; an exception is raised instead."""

    def __init__(self, *answers: Any, job: TrainingJob = DONE) -> None:
        self._answers = iter(answers)
        self._job = job
        self.last_ids: list[str | None] = []
        self.pauses: list[float] = []
        self.now = 0.0

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        if not request.url.path.endswith("/stream"):
            return httpx2.Response(200, json=self._job.model_dump(mode="json"))
        self.last_ids.append(request.headers.get("Last-Event-ID"))
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx2.Response):
            return answer
        body = {"stream": answer} if isinstance(answer, Broken) else {"content": answer}
        return httpx2.Response(200, headers={"Content-Type": "text/event-stream; charset=utf-8"}, **body)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def follow(self, after: int = 0) -> list[Update]:
        with service(self.handle) as http:
            jobs = RemoteClient(http)
            return list(
                stream.follow(
                    http, lambda: jobs.get("tj-1"), "tj-1", after=after, sleep=self.sleep, clock=lambda: self.now
                )
            )


def test_a_stream_is_followed_to_its_end() -> None:
    played = Played(told(RUNNING, event(5)) + BEAT + told(event(6), DONE) + END)
    assert played.follow(after=4) == [RUNNING, event_like(5), event_like(6), DONE]
    assert (played.last_ids, played.pauses) == (["4"], [])


def event_like(number: int) -> Any:
    """Equal to any event with this id."""

    class Like:
        def __eq__(self, other: object) -> bool:
            return isinstance(other, TrainingJobEvent) and other.id == number

        __hash__ = None  # type: ignore[assignment]

    return Like()


def test_a_broken_connection_is_taken_up_after_the_last_event() -> None:
    played = Played(
        Broken(told(RUNNING, event(5)), b"event: info\ndata: {"),
        httpx2.ConnectError("refused"),
        httpx2.Response(502, text="<html>", headers={"Content-Type": "text/html"}),
        told(RUNNING, event(6), DONE) + END,
    )
    found = played.follow()
    notices = [update.message for update in found if isinstance(update, Notice)]
    assert [update for update in found if isinstance(update, TrainingJobEvent)] == [event_like(5), event_like(6)]
    assert found[-1] == DONE
    assert played.last_ids == [None, "5", "5", "5"]
    assert played.pauses == [1.0, 2.0, 4.0]
    assert notices == [
        "The connection to https://train.example.org was lost. Reconnecting after event 5 for up to 10 minutes.",
        "Reconnected.",
    ]


def test_a_stream_that_the_service_ends_is_taken_up_silently() -> None:
    played = Played(told(RUNNING, event(5)), told(RUNNING), told(event(6), DONE) + END)
    assert played.follow() == [RUNNING, event_like(5), RUNNING, event_like(6), DONE]
    assert played.last_ids == [None, "5", "5"]


def test_nothing_is_left_to_come() -> None:
    assert Played(httpx2.Response(204)).follow(after=9) == [DONE]


def test_an_end_that_was_none() -> None:
    """The job itself says whether it is over."""
    played = Played(END, told(DONE) + END, job=DONE)
    assert played.follow() == [DONE]


def test_the_first_connection_must_succeed() -> None:
    with pytest.raises(PipelineError, match="cannot be reached"):
        Played(httpx2.ConnectError("refused")).follow()
    with pytest.raises(PipelineError, match="text/html"):
        Played(httpx2.Response(200, text="x", headers={"Content-Type": "text/html"})).follow()


def test_a_service_that_stays_away_is_given_up_at_last() -> None:
    played = Played(Broken(told(RUNNING)), *[httpx2.ConnectError("refused")] * 100)
    with pytest.raises(PipelineError, match="cannot be reached"):
        played.follow()
    assert max(played.pauses) == stream.RECONNECTS.longest
    assert stream.OUTAGE_SECONDS < played.now < 2 * stream.OUTAGE_SECONDS


def test_what_is_refused_meanwhile_ends_it() -> None:
    """A token that was revoked is not tried again."""
    problem = {"type": "u", "title": "t", "status": 401, "detail": "Revoked.", "instance": "/", "code": "token_revoked"}
    refusal = httpx2.Response(401, json=problem, headers={"Content-Type": "application/problem+json"})
    with pytest.raises(PipelineError, match="Revoked"):
        Played(Broken(told(RUNNING)), refusal).follow()
