"""Clients of Dagster's UI behind its guard, with a stand-in for Dagster's app."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from training_pipeline.auth.tokens import ApiTokens
from training_pipeline.domain.access import Role

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


def token(tokens: ApiTokens, role: Role, name: str = "ada") -> tuple[str, str]:
    """The id and the text of a new token."""
    created, text = tokens.create(name, role, timedelta(days=1), created_by="root")
    return created.id, text


def log_in(client: TestClient, tokens: ApiTokens, role: Role = Role.OPERATOR, name: str = "ada") -> str:
    """Exchange a new token for a session; the token's id."""
    token_id, text = token(tokens, role, name)
    answer = client.post("/login?next=/runs", data={"token": text})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/runs")
    return token_id
