"""Clients that do not finish their headers keep nobody else out."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.server import ServerState

from training_pipeline.api import header_deadline
from training_pipeline.api.app import create_app
from training_pipeline.api.header_deadline import Incomplete
from training_pipeline.app.container import Services
from training_pipeline.infra.processes import allow_descriptors
from training_pipeline.settings import Settings
from training_pipeline.testing.polling import until
from training_pipeline.testing.servers import in_memory
from training_pipeline.testing.servers.served_api import Served, served

BEGUN = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "


@contextmanager
def half_open(server: Served, count: int, begun: bytes = BEGUN) -> Iterator[list[socket.socket]]:
    with ExitStack() as held:
        made = [held.enter_context(socket.create_connection(("127.0.0.1", server.port))) for _ in range(count)]
        for client in made:
            client.sendall(begun)
        yield made


def is_closed(client: socket.socket) -> bool:
    client.settimeout(0.01)
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def test_more_half_open_connections_than_the_server_holds_keep_nobody_out(
    settings: Settings, services: Services
) -> None:
    allow_descriptors(5000)
    with served(create_app(settings, services)) as server, half_open(server, 2050) as clients:
        for _ in range(3):
            assert httpx.get(f"{server.url}/healthz", trust_env=False, timeout=60).status_code == 200
        until(lambda: len(server.server.server_state.connections) <= header_deadline.PER_ADDRESS)
        assert is_closed(clients[0])  # the one that waited longest
        clients[-1].sendall(b"x\r\n\r\n")  # and the last one may still go on
        clients[-1].settimeout(20)
        assert clients[-1].recv(15) == b"HTTP/1.1 200 OK"


def hasty(proxies: str | None, **_: float) -> type[asyncio.Protocol]:
    return header_deadline.protocol(proxies, seconds=0.5)


@pytest.mark.parametrize("begun", [b"", BEGUN], ids=["nothing", "some"])
def test_headers_have_a_deadline(
    settings: Settings, services: Services, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr("training_pipeline.api.server.protocol", hasty)
    with served(create_app(settings, services)) as server, half_open(server, 2, begun):
        until(lambda: len(server.server.server_state.connections) == 0)


def test_so_have_those_of_a_later_request(
    settings: Settings, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training_pipeline.api.server.protocol", hasty)
    with served(create_app(settings, services)) as server, half_open(server, 1, BEGUN + b"x\r\n\r\n") as (client,):
        assert client.recv(15) == b"HTTP/1.1 200 OK"
        client.sendall(BEGUN)
        until(lambda: len(server.server.server_state.connections) == 0)


def test_a_request_has_no_deadline_once_its_headers_are_there(
    settings: Settings, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its body has one of its own, and a stream none; a connection that is kept may be idle."""
    monkeypatch.setattr(
        "training_pipeline.api.server.protocol", lambda *_, **__: header_deadline.protocol(None, seconds=0.2)
    )
    with served(create_app(settings, services)) as server, httpx.Client(trust_env=False, timeout=60) as client:

        def slow() -> Iterator[bytes]:
            for part in (b"{", b"}"):
                until(lambda: not server.server.config.http.incomplete, seconds=120)  # type: ignore[union-attr]
                yield part

        headers = {"Content-Type": "application/json"}
        for _ in range(2):
            answer = client.post(f"{server.url}/api/v1/training/jobs", content=slow(), headers=headers)
            assert answer.status_code == 422


HELD = 8
ASKS = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
WAITS = ASKS.replace(b"/", b"/wait", 1)


class Clients:
    """Clients of a server that holds 8. It answers `/` at once, and `/wait` never."""

    def __init__(self) -> None:
        self._protocol: Any = header_deadline.protocol(None)
        self._config = uvicorn.Config(self._answer, interface="asgi3", limit_concurrency=HELD, log_config=None)
        self._state = ServerState()

    async def _answer(self, scope: Any, _: Any, send: Any) -> None:
        if scope["path"] == "/wait":
            await asyncio.Future()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def connect(self) -> in_memory.Transport:
        return in_memory.Transport(self._protocol(config=self._config, server_state=self._state, app_state={}))

    async def ask(self, client: in_memory.Transport, request: bytes = ASKS) -> bytes:
        """Send it. What came back once the server has nothing more to do."""
        client.written = b""
        client.get_protocol().data_received(request)
        for _ in range(5):
            await asyncio.sleep(0)
        return client.written[:15]


@given(st.lists(st.tuples(st.sampled_from(["comes", "asks again", "goes"]), st.integers(0, 9))))
def test_connections_that_are_kept_keep_nobody_out(steps: list[tuple[str, int]]) -> None:
    async def run() -> None:
        clients = Clients()
        waiting, begun = clients.connect(), clients.connect()
        assert await clients.ask(waiting, WAITS) == await clients.ask(begun, BEGUN) == b""
        kept: list[in_memory.Transport] = []
        for step, which in steps:
            asks = clients.connect() if step == "comes" else kept.pop(which % len(kept)) if kept else None
            if asks and step == "goes":
                asks.close()
            elif asks:
                kept.append(asks)
                assert await clients.ask(asks) == b"HTTP/1.1 200 OK"
            kept = kept[-4:]  # with the two others these are three quarters of what the server holds
            assert not any(client.closed for client in (waiting, begun, *kept))
        waiting.close()
        begun.close()

    asyncio.run(run())


class Transport:
    """A connection that knows whether it was closed."""

    closed = False

    def abort(self) -> None:
        self.closed = True


addresses = st.sampled_from(["10.0.0.1", "10.0.0.2", "192.0.2.7"])


@given(st.lists(st.tuples(st.booleans(), addresses, st.integers(0, 9))))
def test_no_address_has_more_than_its_share_and_who_waits_longest_goes_first(
    steps: list[tuple[bool, str, int]],
) -> None:
    waiting = Incomplete(exempt=lambda address: address == "10.0.0.2", per_address=3, in_all=5)
    held: list[tuple[Transport, str]] = []
    for comes, address, which in steps:
        if comes:
            held.append((Transport(), address))
            waiting.add(held[-1][0], address)  # type: ignore[arg-type]
            assert not held[-1][0].closed
        elif held:
            waiting.remove(held.pop(which % len(held))[0])  # type: ignore[arg-type]
        closed = [place for place, (transport, _) in enumerate(held) if transport.closed]
        assert len(closed) <= 1
        for place in closed:
            ours = [number for number, (_, of) in enumerate(held) if of == held[place][1]]
            assert place == 0 or (place == ours[0] and len(ours) == 4)
            del held[place]
        counts = [sum(of == name for _, of in held) for name in ("10.0.0.1", "192.0.2.7")]
        assert len(waiting) == len(held) <= 5
        assert max(counts) <= 3


@pytest.mark.parametrize(
    ("stated", "trusted", "not_trusted"),
    [
        ("", [], ["10.0.0.1", ""]),
        ("10.0.0.1, 192.0.2.0/24", ["10.0.0.1", "192.0.2.9"], ["10.0.0.2", "::1", ""]),
        ("*", ["10.0.0.1", ""], []),
        ("proxy.internal,::1", ["::1"], ["10.0.0.1"]),
    ],
)
def test_proxies_are_understood_as_uvicorn_does(stated: str, trusted: list[str], not_trusted: list[str]) -> None:
    is_one: Callable[[str], bool] = header_deadline.is_one_of(stated)
    assert [address for address in trusted if not is_one(address)] == []
    assert [address for address in not_trusted if is_one(address)] == []
