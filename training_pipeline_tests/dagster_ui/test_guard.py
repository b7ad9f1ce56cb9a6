from __future__ import annotations

import asyncio
import time
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from training_pipeline.api.server import CONNECTIONS
from training_pipeline.auth.tokens import ApiTokens
from training_pipeline.dagster_ui.callers import Callers
from training_pipeline.dagster_ui.guard import Guard
from training_pipeline.dagster_ui.origins import Origins
from training_pipeline.dagster_ui.server import options
from training_pipeline.domain.access import Role
from training_pipeline.settings import Settings
from training_pipeline.testing.ui.guarded_ui import PROBE, Clients, echo, log_in, token

PATHS = [
    "/graphql",
    "/report_asset_materialization/thing",
    "/report_asset_check/thing",
    "/report_asset_observation/thing",
    "/logs/run/compute_logs/x/err",
    "/download_debug/run",
    "/notebook?path=x.ipynb",
    "/server_info",
    "/",
    "/a path of a later Dagster",
]
SOCKET = "ws://127.0.0.1:3000/graphql"
HTML = {"Accept": "text/html,*/*"}
LOCAL = {"name": "local", "role": "admin"}
#: What a browser sends of itself for a page elsewhere that fetches, posts a form, embeds, or sends in an older browser.
FOREIGN = [
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"},
    {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost:3000"},
]


def code(answer: object) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]  # type: ignore[attr-defined]


def test_without_authentication_whoever_asks_from_here_is_the_local_user(clients: Clients) -> None:
    client = clients()
    for path in PATHS:
        assert client.post(path, json={}).json() == LOCAL
        assert client.get(path, headers=HTML).json() == LOCAL
        assert client.post(path, json={}, headers={"Origin": "http://127.0.0.1:3000"}).json() == LOCAL


@pytest.mark.parametrize("auth", ["none", "token"])
@pytest.mark.parametrize("read_only", [False, True])
def test_a_page_of_another_origin_can_do_nothing(
    clients: Clients, auth: str, read_only: bool, request: pytest.FixtureRequest
) -> None:
    client = clients(auth=auth, read_only=read_only)
    if auth == "token":
        log_in(client, request.getfixturevalue("tokens"), Role.ADMIN)
    for path, headers in product(PATHS, FOREIGN):
        assert code(client.post(path, json={}, headers=headers)) == (403, "cross_origin"), (path, headers)
        assert code(client.get(path, headers={**HTML, **headers})) == (403, "cross_origin"), (path, headers)


def test_a_page_of_another_origin_may_link_here(clients: Clients) -> None:
    link = {**HTML, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert clients().get("/runs", headers=link).json() == LOCAL
    assert code(clients().post("/graphql", json={}, headers=link)) == (403, "cross_origin")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:3000", "127.0.0.1.evil.example", "[::1", ""])
def test_a_name_that_was_made_to_lead_here_is_refused(clients: Clients, host: str) -> None:
    for path in PATHS:
        assert code(clients().post(path, json={}, headers={"Host": host})) == (403, "foreign_host")
        assert code(clients().get(path, headers={**HTML, "Host": host})) == (403, "foreign_host")
        assert code(clients(read_only=True).get(path, headers={"Host": host})) == (403, "foreign_host")


def test_without_authentication_only_this_machine_is_answered(clients: Clients) -> None:
    assert code(clients(url="http://192.0.2.7:3000").get("/")) == (403, "foreign_host")
    assert clients(url="http://192.0.2.7:3001", read_only=True).get("/").json() == LOCAL


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "text/plain; application/json", ""]
)
def test_what_a_form_can_send_is_no_request(clients: Clients, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    for path in PATHS:
        answer = clients().post(path, content=b'{"query": "mutation { x }"}', headers=headers)
        assert code(answer) == (415, "unsupported_media_type")


@given(kind=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_no_content_type_but_that_of_json_goes_through(kind: str) -> None:
    from training_pipeline.dagster_ui.guard import _malformed

    raw = [(b"content-type", kind.encode())]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": raw}
    essence = kind.split(";")[0].strip().lower()
    assert (_malformed(HTTPConnection(scope)) is None) == (essence == "application/json")


def test_a_get_of_graphql_answers_the_page_and_nothing_else(clients: Clients) -> None:
    client = clients()
    mutation = {"query": 'mutation { deletePipelineRun(runId: "x") { __typename } }'}
    answer = client.get("/graphql", params=mutation)
    assert code(answer) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "POST"
    assert code(client.get("/graphql", params=mutation, headers={"Accept": "application/json"}))[0] == 405
    assert client.get("/graphql", headers=HTML).json() == LOCAL


@pytest.mark.parametrize("read_only", [False, True])
def test_where_tokens_are_required_nobody_gets_in_without(clients: Clients, read_only: bool) -> None:
    client = clients(auth="token", read_only=read_only)
    for path in PATHS:
        assert code(client.post(path, json={})) == (401, "no_session")
        assert code(client.get(path)) == (401, "no_session")
        page = client.get(path, headers=HTML)
        assert page.status_code == 303
        assert page.headers["Location"].startswith("/login?next=/")
    assert code(client.post("/graphql", json={}, headers={"Authorization": "Bearer x"})) == (401, "token_invalid")
    assert client.get("/login").status_code == 200


@pytest.mark.parametrize("role", list(Role))
def test_a_session_or_a_token_says_who_it_is(clients: Clients, tokens: ApiTokens, role: Role) -> None:
    client = clients(auth="token")
    text = token(tokens, role, "grace")[1]
    grace = {"name": "grace", "role": role}
    assert client.post("/graphql", json={}, headers={"Authorization": f"Bearer {text}"}).json() == grace
    token_id = log_in(client, tokens, role)
    assert client.post("/graphql", json={}).json() == {"name": "ada", "role": role}
    tokens.revoke(token_id, by="root")
    assert code(client.post("/graphql", json={})) == (401, "token_revoked")


def test_up_may_look_with_its_secret(clients: Clients) -> None:
    client = clients(auth="token")
    up = client.post("/graphql", json={}, headers={"Authorization": f"Bearer {PROBE}"})
    assert up.json() == {"name": "training-pipeline up", "role": "viewer"}


def test_without_a_secret_no_secret_is_right(asking: Settings, tokens: ApiTokens) -> None:
    callers = Callers(asking, tokens)
    origins = Origins(frozenset(), here_only=False, names=frozenset())
    client = TestClient(Guard(echo, callers=callers, origins=origins, failures_per_minute=60, max_body_bytes=1000))
    assert client.get("/", headers={"Authorization": "Bearer "}).status_code == 401


def test_tokens_cannot_be_guessed_quickly(clients: Clients, tokens: ApiTokens) -> None:
    client = clients(auth="token", api_failures_per_minute=3)
    log_in(client, tokens)
    guesses = [client.get("/", headers={"Authorization": f"Bearer {guess}"}) for guess in range(2)]
    guesses += [client.post("/login", data={"token": f"{guess}"}) for guess in range(2)]
    assert [guess.status_code for guess in guesses] == [401, 401, 401, 429]
    assert int(guesses[-1].headers["Retry-After"]) > 0
    assert client.get("/").status_code == 200  # who is logged in stays so


def test_no_other_page_may_show_it_in_a_frame(clients: Clients) -> None:
    for answer in (clients().get("/"), clients(auth="token").get("/login"), clients(auth="token").get("/")):
        assert "frame-ancestors 'self'" in answer.headers.get_list("Content-Security-Policy")
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "theirs" in clients().get("/").headers.get_list("Content-Security-Policy")


def closed(client: TestClient, **headers: str) -> int:
    with pytest.raises(WebSocketDisconnect) as caught, client.websocket_connect(SOCKET, headers=headers):
        pass
    return caught.value.code


def test_a_websocket_is_for_our_pages_and_needs_a_session(clients: Clients, tokens: ApiTokens) -> None:
    open_to_all, closed_to_all = clients(), clients(auth="token")
    for client in (open_to_all, closed_to_all):
        for headers in FOREIGN:
            assert closed(client, **headers) == 1008
    assert closed(open_to_all, Host="evil.example", Origin="http://evil.example") == 1008
    assert closed(closed_to_all) == 1008
    log_in(closed_to_all, tokens)
    for client, name in ((open_to_all, "local"), (closed_to_all, "ada")):
        with client.websocket_connect(SOCKET, headers={"Origin": "http://127.0.0.1:3000"}) as socket:
            socket.send_text("hello")
            assert socket.receive_text() == f"{name}: hello"


def test_an_open_websocket_ends_with_its_session(asking: Settings, tokens: ApiTokens) -> None:
    callers = Callers(asking, tokens)
    origins = Origins(frozenset(), here_only=False, names=frozenset())
    guard = Guard(
        echo, callers=callers, origins=origins, failures_per_minute=60, max_body_bytes=1000, look_seconds=0.05
    )
    client = TestClient(guard, base_url="http://127.0.0.1:3000", follow_redirects=False)
    token_id = log_in(client, tokens)
    with client.websocket_connect(SOCKET) as socket:
        time.sleep(0.2)
        socket.send_text("hello")
        assert socket.receive_text() == "ada: hello"
        tokens.revoke(token_id, by="root")
        with pytest.raises(WebSocketDisconnect) as caught:
            socket.receive_text()
        assert caught.value.code == 1008


def test_a_body_is_no_larger_than_the_rest_api_takes_it(clients: Clients, tokens: ApiTokens) -> None:
    client = clients(auth="token", api_max_body_bytes=2000)
    headers = {"Authorization": f"Bearer {token(tokens, Role.VIEWER)[1]}"}
    assert client.post("/graphql", json={"query": "x" * 1000}, headers=headers).json()["role"] == "viewer"
    answer = client.post("/graphql", json={"query": "x" * 2000}, headers=headers)
    assert code(answer) == (413, "body_too_large")


@pytest.mark.parametrize(("path", "kind"), [("/graphql", "application/json"), ("/login", "text/plain")])
def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path, path: str, kind: str) -> None:
    settings = Settings(state_dir=tmp_path, auth="none")
    guard = Guard(
        echo,
        callers=Callers(settings, None),  # type: ignore[arg-type]
        origins=Origins.of(settings, read_only=False),
        failures_per_minute=10,
        max_body_bytes=1000,
        body_seconds=0.01,
    )
    guard._login._callers = Callers(settings.model_copy(update={"auth": "token"}), None)  # type: ignore[arg-type]
    headers = {"host": "127.0.0.1:3000", "content-type": kind, "content-length": "900"}
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "server": ("127.0.0.1", 3000),
        "client": ("127.0.0.1", 4711),
    }
    sent: list[Any] = []

    async def never() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(guard(scope, never, send))
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]


def test_uvicorn_bounds_connections_and_messages(tmp_path: Path) -> None:
    bounds = options(Settings(state_dir=tmp_path, api_max_body_bytes=2000))
    assert bounds["limit_concurrency"] == CONNECTIONS
    assert bounds["ws_max_size"] == 2000
    uvicorn.Config(echo, **bounds)
