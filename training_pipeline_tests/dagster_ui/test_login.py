from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.api.auth.sessions import COOKIE
from training_pipeline.auth.tokens import ApiTokens
from training_pipeline.dagster_ui.login import path_here
from training_pipeline.domain.access import Role
from training_pipeline.testing.ui.guarded_ui import Clients, log_in, token


def test_a_token_is_exchanged_for_the_session_of_the_pages(clients: Clients, tokens: ApiTokens) -> None:
    client = clients(auth="token")
    answer = client.post("/login", data={"token": f" {token(tokens, Role.VIEWER)[1]} "})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    attributes = {part.strip().lower() for part in answer.headers["Set-Cookie"].split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= attributes
    assert "secure" not in attributes
    assert "logged in as ada (viewer)" in client.get("/login").text
    stolen = {"Cookie": f"{COOKIE}={client.cookies[COOKIE]}"}
    client.post("/login", data={"log_out": "yes"})
    assert COOKIE not in client.cookies
    assert client.get("/").status_code == client.get("/", headers=stolen).status_code == 401


def test_the_cookie_is_secure_where_the_address_is(clients: Clients, tokens: ApiTokens) -> None:
    client = clients(auth="token", dagster_url="https://dagster.example.org")
    assert "; Secure" in client.post("/login", data={"token": token(tokens, Role.VIEWER)[1]}).headers["Set-Cookie"]


@pytest.mark.parametrize("given_token", ["", "nonsense", "<script>", "x" * 10_000])
def test_a_wrong_token_is_told_so(clients: Clients, given_token: str) -> None:
    answer = clients(auth="token").post("/login", data={"token": given_token})
    assert answer.status_code == 401
    assert "not a complete token" in answer.text
    assert "Set-Cookie" not in answer.headers
    assert "<script" not in answer.text


def test_another_page_cannot_log_a_browser_in(clients: Clients, tokens: ApiTokens) -> None:
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    answer = clients(auth="token").post("/login", data={"token": token(tokens, Role.VIEWER)[1]}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_origin")


def test_without_authentication_there_is_no_login(clients: Clients) -> None:
    assert clients().get("/login").headers["Location"] == "/"


def test_what_is_no_form_is_refused(clients: Clients) -> None:
    assert clients(auth="token").put("/login").status_code == 405


@pytest.mark.parametrize(
    ("stated", "path"),
    [
        ("/runs/1?a=b", "/runs/1?a=b"),
        ("", "/"),
        ("runs", "/"),
        ("https://evil.example", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\r\nSet-Cookie: x", "/"),
        ("/\t/evil.example", "/"),
    ],
)
def test_after_it_one_stays_here(stated: str, path: str) -> None:
    assert path_here(stated) == path


@given(st.text())
def test_whatever_is_stated_one_stays_here(stated: str) -> None:
    path = path_here(stated)
    assert path.startswith("/")
    assert path[1:2] not in {"/", "\\"}
    assert path.isprintable()


def test_the_session_is_good_for_both(clients: Clients, tokens: ApiTokens) -> None:
    first, second = clients(auth="token"), clients(auth="token", read_only=True)
    log_in(first, tokens)
    second.cookies.set(COOKIE, first.cookies[COOKIE])
    assert second.get("/").json()["name"] == "ada"
