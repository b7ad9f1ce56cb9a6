"""The app on a real server, and clients of its streams that are as simple as a browser's."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self

from fastapi import FastAPI

from training_pipeline.api.events.live import Live
from training_pipeline.api.server import Server
from training_pipeline.testing.jobs.job_life import JOBS
from training_pipeline.testing.polling import until


@dataclass
class Served:
    """An app that is being served."""

    server: Server
    port: int
    thread: threading.Thread

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def live(self) -> Live:
        """What tells its streams of jobs."""
        found: Live = self.server._app.state.live
        return found

    def end(self, seconds: float = 15) -> None:
        """What Ctrl-C does; returns once the server has ended."""
        self.server.should_exit = True
        self.thread.join(seconds)
        assert not self.thread.is_alive()


@contextmanager
def served(app: FastAPI, **options: Any) -> Iterator[Served]:
    """Serve the app on a free port while the block lasts."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server(app, **options)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        running = Served(server, listening.getsockname()[1], thread)
        thread.start()
        try:
            until(lambda: server.started)
            yield running
        finally:
            running.end()


@dataclass
class Message:
    """A server-sent event, as the HTML standard dispatches it."""

    event: str
    data: dict[str, Any]
    #: Of this message, or of the last one before it that bore one.
    last_id: str


@dataclass
class Stream:
    """An open stream. Reading waits for `seconds` at most."""

    port: int
    job_id: str
    last_id: str = ""
    query: str = ""
    seconds: float = 20
    comments: list[str] = field(default_factory=list)
    retry: int | None = None

    def __enter__(self) -> Self:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.seconds)
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        self.connection.request("GET", f"{JOBS}/{self.job_id}/events/stream{self.query}", headers=headers)
        self.response = self.connection.getresponse()
        return self

    def __exit__(self, *_: object) -> None:
        self.response.close()
        self.connection.close()

    def __iter__(self) -> Iterator[Message]:
        """Messages until the stream ends."""
        event, last_id = "", self.last_id
        data: list[str] = []
        for line in map(self._text, self.response):
            name, _, value = line.partition(": ")
            if line == "":
                self.last_id = last_id
                if data:
                    yield Message(event or "message", json.loads("\n".join(data)), self.last_id)
                event, data = "", []
            elif name == "":
                self.comments.append(value)
            elif name == "event":
                event = value
            elif name == "data":
                data.append(value)
            elif name == "id":
                last_id = value
            elif name == "retry":
                self.retry = int(value)

    @staticmethod
    def _text(line: bytes) -> str:
        return line.decode().rstrip("\n")


class Follower(threading.Thread):
    """Follows a job as a browser does: whenever the connection ends it comes back with the last id, until it is 204."""

    def __init__(self, port: int, job_id: str) -> None:
        super().__init__(daemon=True)
        self.port, self.job_id = port, job_id
        self.messages: list[Message] = []
        self.connections = 0
        self.start()

    def run(self) -> None:
        """Follow until the service says that there is nothing more to come."""
        last_id, over = "", False
        while not over:
            with suppress(OSError, http.client.HTTPException), Stream(self.port, self.job_id, last_id) as stream:
                self.connections += 1
                over = stream.response.status == 204
                for message in stream:
                    self.messages.append(message)
                    last_id = message.last_id
            time.sleep(0.2)

    def of_type(self, *events: str) -> list[dict[str, Any]]:
        """The data of the messages of these types so far."""
        return [message.data for message in self.messages if message.event in events]

    def until(self, condition: Callable[[], object], what: str, *, seconds: float = 240) -> None:
        """Wait for something to be told; what was told so far is in the message of the failure."""
        try:
            until(condition, seconds=seconds, what=what)
        except AssertionError as error:
            so_far = [
                (message.event, message.data.get("message"), message.data.get("status")) for message in self.messages
            ]
            raise AssertionError(f"{error}; so far: {so_far}") from None
