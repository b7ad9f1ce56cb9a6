from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from training_pipeline.auth.tokens import ApiTokens
from training_pipeline.dagster_ui.server import guarded
from training_pipeline.domain.access import Role
from training_pipeline.settings import Settings
from training_pipeline.training_jobs.store.jobs import JobStore

HERE = "http://127.0.0.1:3000"
PROBE = "a secret of up"
#: A client of the guard with these settings, and of the full UI unless it is said to be read-only.
Clients = Callable[..., TestClient]


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """In Dagster's place: says whom it was called by. Its websocket echoes."""
    if scope["type"] == "websocket":
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        async for message in socket.iter_text():
            await socket.send_text(f"{socket.state.caller.name}: {message}")
        return
    caller = HTTPConnection(scope).state.caller
    answer = JSONResponse({"name": caller.name, "role": caller.role}, headers={"Content-Security-Policy": "theirs"})
    await answer(scope, receive, send)


@pytest.fixture
def tokens(store: JobStore) -> ApiTokens:
    return ApiTokens(store)


@pytest.fixture
def asking(tmp_path: Path) -> Settings:
    """Settings of an installation that asks for tokens, with its state directory."""
    (tmp_path / "state").mkdir()
    return Settings(state_dir=tmp_path / "state", auth="token")


@pytest.fixture
def clients(asking: Settings, request: pytest.FixtureRequest) -> Clients:
    """There is a database only where it is asked for tokens."""

    def client(*, read_only: bool = False, url: str = HERE, **values: object) -> TestClient:
        chosen = asking.model_copy(update={"auth": "none", **values})
        tokens = request.getfixturevalue("tokens") if chosen.auth == "token" else None
        guard = guarded(echo, chosen, tokens, read_only=read_only, probe=PROBE)
        return TestClient(guard, base_url=url, follow_redirects=False)

    return client


def token(tokens: ApiTokens, role: Role, name: str = "ada") -> tuple[str, str]:
    """The id and the text of a new token."""
    created, text = tokens.create(name, role, timedelta(days=1), created_by="root")
    return created.id, text


def log_in(client: TestClient, tokens: ApiTokens, role: Role = Role.OPERATOR, name: str = "ada") -> str:
    """The id of the token that the client's session stands for."""
    token_id, text = token(tokens, role, name)
    answer = client.post("/login?next=/runs", data={"token": text})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/runs")
    return token_id
