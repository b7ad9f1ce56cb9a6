"""Sessions of pages, with a tiny page on the app as the real ones will be."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi import FastAPI, WebSocket
from fastapi.testclient import TestClient
from sqlalchemy import text

from training_pipeline.api.app import create_app
from training_pipeline.api.auth.sessions import COOKIE, PageCaller
from training_pipeline.app.container import Services
from training_pipeline.auth.page_sessions import LONGEST
from training_pipeline.client.local import LocalClient
from training_pipeline.domain.access import Role
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import API, JOBS
from training_pipeline.testing.servers.bearers import bearer, token_of
from training_pipeline_tests.api.test_problems import problem

SECONDS = int(LONGEST.total_seconds())
PAGE, SOCKET, MOUNTED = "/page", "/page/socket", "/mounted/socket"


def with_page(settings: Settings, services: Services) -> FastAPI:
    """The app, and on it a page that says who looks at it, with a websocket that echoes; a mounted app has one too."""
    app = create_app(settings, services)

    @app.get(PAGE)
    def page(caller: PageCaller) -> dict[str, str]:
        return {"name": caller.name, "role": caller.role, "jobs": str(LocalClient(services, caller).list().total)}

    mounted = FastAPI()

    @app.websocket(SOCKET)
    @mounted.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        async for message in websocket.iter_text():
            await websocket.send_text(message)

    app.mount("/mounted", mounted)
    return app


@contextmanager
def browser(settings: Settings, services: Services, scheme: str = "http") -> Iterator[TestClient]:
    asking = settings.model_copy(update={"auth": "token"})
    with TestClient(with_page(asking, services), base_url=f"{scheme}://testserver") as client:
        yield client


@pytest.fixture
def client(settings: Settings, services: Services) -> Iterator[TestClient]:
    with browser(settings, services) as client:
        yield client


def log_in(client: TestClient, services: Services, role: Role = Role.OPERATOR) -> str:
    """The id of the token that was exchanged."""
    token_id, secret = token_of(services, "ada", role)
    answer = client.post("/session", headers={"Authorization": f"Bearer {secret}"})
    assert (answer.status_code, answer.content) == (204, b"")
    return token_id


def test_a_token_is_exchanged_for_a_session_that_is_good_for_pages(client: TestClient, services: Services) -> None:
    problem(client.get(PAGE), 401, "no_session")
    log_in(client, services)
    assert client.get(PAGE).json() == {"name": "ada", "role": "operator", "jobs": "0"}
    assert client.get("/session").status_code == 204
    stolen = {"Cookie": f"{COOKIE}={client.cookies[COOKIE]}"}
    client.delete("/session")
    assert COOKIE not in client.cookies
    for path in (PAGE, "/session"):
        problem(client.get(path), 401, "no_session")
        problem(client.get(path, headers=stolen), 401, "no_session")


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(settings: Settings, services: Services) -> None:
    for scheme, secure in (("http", False), ("https", True)):
        with browser(settings, services, scheme) as client:
            answer = client.post("/session", headers=bearer(services, "ada", Role.VIEWER))
        attributes = {part.strip().lower() for part in answer.headers["Set-Cookie"].split(";")[1:]}
        assert {"httponly", "samesite=strict", "path=/", f"max-age={SECONDS}"} <= attributes
        assert ("secure" in attributes) == secure
    public = settings.model_copy(update={"api_public_url": "https://train.example.org"})
    with browser(public, services) as client:
        answer = client.post("/session", headers=bearer(services, "ada", Role.VIEWER))
    assert "; Secure" in answer.headers["Set-Cookie"]


def test_the_api_knows_no_sessions(client: TestClient, services: Services) -> None:
    log_in(client, services, Role.ADMIN)
    assert client.get(PAGE).json()["role"] == "admin"
    for method, path in [("GET", JOBS), ("POST", JOBS), ("GET", f"{API}/models"), ("POST", "/session")]:
        problem(client.request(method, path), 401, "unauthenticated")
    eve = bearer(services, "eve", Role.VIEWER)  # who has both is who the token says
    assert client.post(JOBS, json={"training_sheet_id": "small", "model_name": "m"}, headers=eve).status_code == 403


def test_a_session_is_no_more_than_its_token(client: TestClient, services: Services) -> None:
    token_id = log_in(client, services)
    with services.store.begin() as connection:
        connection.execute(text("UPDATE api_tokens SET role = 'viewer'"))
    assert client.get(PAGE).json()["role"] == "viewer"
    services.tokens.revoke(token_id, by="root")
    problem(client.get(PAGE), 401, "token_revoked")
    log_in(client, services)
    with services.store.begin() as connection:
        connection.execute(text("UPDATE api_tokens SET expires_at = now()"))
    problem(client.get(PAGE), 401, "token_expired")


def test_a_session_ends_by_itself(client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(client, services)
    cookie = client.cookies[COOKIE]
    now = time.time()
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + SECONDS - 5)
    assert client.get(PAGE).status_code == 200
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + SECONDS + 5)
    problem(client.get(PAGE, headers={"Cookie": f"{COOKIE}={cookie}"}), 401, "no_session")


def test_nobody_else_can_make_one(client: TestClient, services: Services, settings: Settings) -> None:
    token_id, secret = token_of(services, "ada", Role.ADMIN)
    log_in(client, services)
    good = client.cookies[COOKIE]
    client.cookies.clear()
    forged = [
        "",
        "x",
        token_id,
        secret,
        good[:-9] + ("A" if good[-9] != "A" else "B") + good[-8:],
        f"{good}x",
        good.upper(),
    ]
    log_in(client, services)
    over = client.cookies[COOKIE]
    client.delete("/session")
    forged.append(over)
    other = settings.model_copy(update={"state_dir": settings.state_dir / "other"})
    other.state_dir.mkdir()
    with browser(other, services) as elsewhere:  # the same database, another key
        log_in(elsewhere, services)
        forged.append(elsewhere.cookies[COOKIE])
    for cookie in forged:
        problem(client.get(PAGE, headers={"Cookie": f"{COOKIE}={cookie}"}), 401, "no_session")
    assert client.get(PAGE, headers={"Cookie": f"{COOKIE}={good}"}).status_code == 200


def test_every_process_of_an_installation_takes_it(client: TestClient, services: Services, settings: Settings) -> None:
    log_in(client, services)
    with browser(settings, services) as other:
        cookie = {"Cookie": f"{COOKIE}={client.cookies[COOKIE]}"}
        assert other.get(PAGE, headers=cookie).json()["name"] == "ada"


def test_no_other_page_can_log_anybody_in_or_out(client: TestClient, services: Services) -> None:
    log_in(client, services)
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    problem(client.delete("/session", headers=foreign), 403, "cross_origin")
    problem(client.post("/session", headers={**foreign, **bearer(services, "eve", Role.VIEWER)}), 403, "cross_origin")
    assert client.get(PAGE).json()["name"] == "ada"


def test_without_authentication_pages_are_the_local_users(settings: Settings, services: Services) -> None:
    with TestClient(with_page(settings, services)) as client:
        assert client.get(PAGE).json()["role"] == "admin"
        assert client.post("/session").status_code == 204
        assert COOKIE not in client.cookies
        with client.websocket_connect(SOCKET) as socket:
            socket.send_text("hello")
            assert socket.receive_text() == "hello"
