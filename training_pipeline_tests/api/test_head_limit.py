"""Headers come to an end: what does not is given up, by both servers."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.server import ServerState

from training_pipeline.api.head_limit import LONGEST_HEAD
from training_pipeline.api.header_deadline import protocol
from training_pipeline.api.server import Server
from training_pipeline.dagster_ui import server as dagster_ui
from training_pipeline.settings import Settings
from training_pipeline.testing.polling import until
from training_pipeline.testing.servers.in_memory import Transport

BEGUN = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
LINE = b"X-A: " + b"a" * 2000 + b"\r\n"
ENDLESS = {
    "many headers": (BEGUN, LINE),
    "one header": (BEGUN + b"X-A: ", b"a" * 2000),
    "a name": (BEGUN, b"a" * 2000),
    "a path": (b"GET /", b"a" * 2000),
    "the next request": (b"GET /wait HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + BEGUN, LINE),
    "trailers": (CHUNKED + b"1\r\na\r\n0\r\n", LINE),
}
#: More than the limit, one read of the socket, and what the system holds for the server.
FAR_TOO_MUCH = 40_000_000


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Tells how long a body is. `/wait` answers when the client has gone."""
    if scope["type"] != "http":
        return
    length, message = 0, await receive()
    while scope["path"] == "/wait" and message["type"] != "http.disconnect":
        message = await receive()
    while message.get("more_body"):
        length += len(message["body"])
        message = await receive()
    length += len(message.get("body", b""))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


def of_the_api(_: Path) -> uvicorn.Config:
    return Server(app).config  # type: ignore[arg-type]


def of_dagsters_ui(folder: Path) -> uvicorn.Config:
    return uvicorn.Config(app, **dagster_ui.options(Settings(state_dir=folder)))


@pytest.fixture(scope="module", params=[of_the_api, of_dagsters_ui])
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    make: Callable[[Path], uvicorn.Config] = request.param
    server = uvicorn.Server(make(tmp_path_factory.mktemp("state")))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            until(lambda: server.started)
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@pytest.mark.parametrize(("begun", "more"), ENDLESS.values(), ids=ENDLESS)
def test_headers_without_an_end_are_given_up(port: int, begun: bytes, more: bytes) -> None:
    much = begun + FAR_TOO_MUCH // len(more) * more
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client, pytest.raises(ConnectionError):
        client.sendall(much)


def test_a_body_is_as_long_as_the_application_lets_it_be(port: int) -> None:
    piece = b"2000\r\n" + b"a" * 0x2000 + b"\r\n"
    count = 8 * LONGEST_HEAD // len(piece)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        for _ in range(2):  # on one connection
            client.sendall(CHUNKED + count * piece + b"0\r\n\r\n")
            answer = b""
            while not answer.endswith(b"\r\n0\r\n\r\n"):
                answer += client.recv(1000)
            assert answer.startswith(b"HTTP/1.1 200 OK")
            assert str(count * 0x2000).encode() in answer


async def fed(*pieces: bytes) -> Transport:
    """The connection after these reads of it."""
    made: Any = protocol(None)(config=uvicorn.Config(app), server_state=ServerState(), app_state={})  # type: ignore[call-arg]
    transport = Transport(made)
    for piece in pieces:
        made.data_received(piece)
    await asyncio.gather(*made.tasks)
    return transport


@given(st.integers(len(BEGUN) + 9, LONGEST_HEAD), st.lists(st.integers(0, LONGEST_HEAD), max_size=5))
def test_headers_within_the_limit_are_read_however_they_are_cut(length: int, cuts: list[int]) -> None:
    head = (BEGUN + b"X-A: ").ljust(length - 4, b"a") + b"\r\n\r\n"
    places = [0, *sorted(cuts), length]
    transport = asyncio.run(fed(*(head[start:end] for start, end in pairwise(places))))
    assert transport.written.startswith(b"HTTP/1.1 200 OK")
    assert not transport.closed


def test_what_is_too_long_is_said() -> None:
    transport = asyncio.run(fed((BEGUN + b"X-A: ").ljust(LONGEST_HEAD + 1, b"a")))
    assert transport.closed
    assert transport.written.startswith(b"HTTP/1.1 400 Bad Request")
    assert transport.written.endswith(b"The headers are longer than 65536 bytes.")
