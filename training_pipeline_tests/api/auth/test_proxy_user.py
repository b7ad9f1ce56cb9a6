"""A user whom a proxy names: believed from trusted proxies and where a setting says so, and nowhere else."""

from __future__ import annotations

from functools import partial
from typing import Any

import anyio
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.requests import Request

from training_pipeline.api.app import create_app
from training_pipeline.api.auth.proxy_user import KEY, ProxyUser, proxied, role_of
from training_pipeline.app.container import Services
from training_pipeline.domain.access import Role
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import API, JOBS
from training_pipeline.testing.servers.bearers import bearer
from training_pipeline.web import mount

HEADER = "X-Forwarded-Email"
ROLES = {"ada@example.org": Role.ADMIN, "*@example.org": Role.VIEWER}


@pytest.fixture
def asking(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "auth": "token",
            "api_trusted_proxies": "10.0.0.0/8",
            "proxy_user_header": HEADER,
            "proxy_roles": ROLES,
            "api_public_url": "https://train.example.org",
        }
    )


def me(request: Request) -> dict[str, str]:
    """Who the app takes the caller for."""
    return {"name": request.state.caller.name, "role": request.state.caller.role}


def client_of(settings: Settings, services: Services, peer: str, *, pages: bool = False) -> TestClient:
    app = create_app(settings, services)
    app.add_api_route(f"{API}/me", me, include_in_schema=False)
    if pages:
        mount.mount(app, settings)
    served: Any = proxied(app, settings) or app
    return TestClient(served, base_url="https://train.example.org", client=(peer, 4711), follow_redirects=False)


@pytest.fixture
def behind(asking: Settings, services: Services) -> TestClient:
    """As requests come from the proxy."""
    return client_of(asking, services, "10.1.2.3")


def whoami(client: TestClient, *users: str, **headers: str) -> Any:
    return client.get(f"{API}/me", headers=[*((HEADER, user) for user in users), *headers.items()])


def test_the_user_whom_a_proxy_names_has_the_role_of_the_settings(behind: TestClient) -> None:
    for said, name, role in (
        ("ada@example.org", "ada@example.org", "admin"),
        ("ADA@Example.org", "ada@example.org", "admin"),  # addresses are the same in any case
        ("bob@example.org", "bob@example.org", "viewer"),
    ):
        answer = whoami(behind, said)
        assert (answer.status_code, answer.json()["name"], answer.json()["role"]) == (200, name, role)
    refused = whoami(behind, "eve@elsewhere.org")
    assert refused.status_code == 403
    assert "TRAINING_PIPELINE_PROXY_ROLES" in refused.json()["hint"]
    assert behind.post(JOBS, json={}, headers={HEADER: "bob@example.org"}).status_code == 403


@pytest.mark.parametrize("said", [("ada@example.org", "bob@example.org"), ("",), ("a b",), ("a@b,ada@example.org",)])
def test_what_names_no_one_person_is_nobody(behind: TestClient, said: tuple[str, ...]) -> None:
    assert whoami(behind, *said).status_code == 401


def test_a_page_of_another_origin_does_nothing_in_the_users_name(behind: TestClient) -> None:
    headers = {HEADER: "ada@example.org", "Origin": "https://evil.example"}
    answer = behind.post(JOBS, json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_origin")


def test_the_header_means_nothing_from_anybody_else(asking: Settings, services: Services) -> None:
    assert whoami(client_of(asking, services, "192.0.2.1"), "ada@example.org").status_code == 401
    unset = asking.model_copy(update={"proxy_user_header": None})
    assert whoami(client_of(unset, services, "10.1.2.3"), "ada@example.org").status_code == 401
    # An app that is served without what knows the proxies believes nobody.
    bare = TestClient(create_app(asking, services), base_url="https://train.example.org", client=("10.1.2.3", 1))
    assert whoami(bare, "ada@example.org").status_code == 401


def test_programs_come_with_tokens_of_ours_as_ever(behind: TestClient, services: Services) -> None:
    given = bearer(services, "robot", Role.OPERATOR)
    assert whoami(behind, **given).json()["name"] == "robot"
    assert whoami(behind, "ada@example.org", **given).json()["name"] == "robot"
    wrong = {"Authorization": given["Authorization"][:-1]}
    assert whoami(behind, "ada@example.org", **wrong).status_code == 401
    # The platform's own token, which it may pass on, is none of ours.
    assert whoami(behind, "ada@example.org", Authorization="Bearer eyJhbGciOi").json()["role"] == "admin"


def test_pages_are_shown_without_a_login(asking: Settings, services: Services) -> None:
    behind = client_of(asking, services, "10.1.2.3", pages=True)
    assert behind.get("/session", headers={HEADER: "bob@example.org"}).status_code == 204
    assert behind.get("/session").status_code == 401


@pytest.mark.parametrize("missing", [{"auth": "none"}, {"api_trusted_proxies": None}])
def test_a_header_that_anybody_could_send_is_refused_as_a_setting(missing: dict[str, Any]) -> None:
    given: dict[str, Any] = {"auth": "token", "api_trusted_proxies": "10.0.0.1", "proxy_user_header": HEADER}
    assert Settings(**given).proxy_user_header == HEADER
    with pytest.raises(ValidationError, match="PROXY_USER_HEADER needs TRAINING_PIPELINE_AUTH=token"):
        Settings(**given | missing)


@given(st.text("abc@.*?", max_size=8), st.dictionaries(st.text("abc@.*?", max_size=6), st.sampled_from(Role)))
def test_a_name_comes_before_patterns_and_patterns_in_their_order(name: str, roles: dict[str, Role]) -> None:
    found = role_of(name, roles)
    if name in roles:
        assert found is roles[name]
    else:
        import fnmatch

        fitting = [role for pattern, role in roles.items() if fnmatch.fnmatchcase(name, pattern)]
        assert found is (fitting[0] if fitting else None)


async def _receive() -> Any:
    raise AssertionError("nothing is received")


async def _send(_: Any) -> None:
    raise AssertionError("nothing is sent")


def test_what_a_scope_holds_is_not_what_a_client_wrote() -> None:
    seen: list[Any] = []

    async def app(scope: Any, *_: Any) -> None:
        seen.append(scope.get(KEY))

    outermost = ProxyUser(app, header=HEADER, trusted_proxies="10.0.0.1")
    header = (HEADER.lower().encode(), b"ada@example.org")
    for peer, expected in ((("10.0.0.1", 1), ("ada@example.org",)), (("10.0.0.2", 1), None), (None, None)):
        forged = (b"x-forwarded-for", b"10.0.0.1")  # says that it is the proxy
        scope: dict[str, Any] = {"type": "http", "client": peer, "headers": [header, forged]}
        anyio.run(partial(outermost, scope, _receive, _send))
        assert seen.pop() == expected
