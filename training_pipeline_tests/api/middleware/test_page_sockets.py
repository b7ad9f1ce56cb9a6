from __future__ import annotations

import time

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from training_pipeline.api.middleware.page_sockets import PageSockets
from training_pipeline.app.container import Services
from training_pipeline.domain.access import Role
from training_pipeline.settings import Settings
from training_pipeline.testing.servers.bearers import bearer
from training_pipeline_tests.api.auth.test_sessions import MOUNTED, SOCKET, browser, client, log_in, with_page

__all__ = ["client"]


def refused(client: TestClient, **headers: str) -> int:
    """The code with which a websocket is closed before it was open."""
    with pytest.raises(WebSocketDisconnect) as closed, client.websocket_connect(SOCKET, headers=headers):
        pass
    return closed.value.code


def test_a_websocket_needs_a_session_and_a_page_of_ours(client: TestClient, services: Services) -> None:
    assert refused(client) == 1008
    assert refused(client, **bearer(services, "ada", Role.ADMIN)) == 1008  # a token is for the API
    log_in(client, services)
    assert refused(client, Origin="https://evil.example") == 1008
    assert refused(client, Origin="http://testserver:3000") == 1008
    with client.websocket_connect(SOCKET, headers={"Origin": "http://testserver"}) as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "hello"


def test_without_authentication_no_other_page_gets_one(settings: Settings, services: Services) -> None:
    with TestClient(with_page(settings, services)) as client:
        assert refused(client, Origin="https://evil.example") == 1008
        assert refused(client, Host="evil.example", Origin="http://evil.example") == 1008


@pytest.mark.parametrize("path", [SOCKET, MOUNTED])
def test_an_open_one_is_closed_when_its_token_is_revoked(
    services: Services, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    defaults = PageSockets.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "look_seconds", 0.05)  # the app is built on its first use
    with browser(services.settings, services) as hurried:
        token_id = log_in(hurried, services)
        with hurried.websocket_connect(path) as socket:
            time.sleep(0.2)  # it has been looked at, and stays
            socket.send_text("hello")
            assert socket.receive_text() == "hello"
            services.tokens.revoke(token_id, by="root")
            with pytest.raises(WebSocketDisconnect) as closed:
                socket.receive_text()
            assert closed.value.code == 1008
