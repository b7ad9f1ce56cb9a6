from __future__ import annotations

import pytest
from starlette.requests import HTTPConnection

from training_pipeline.api.middleware.origins import is_cross_origin, is_for_us

NONE: frozenset[str] = frozenset()


def connection(server: str | None = "127.0.0.1", **headers: str) -> HTTPConnection:
    """A request to port 8000; `_` in a header's name stands for `-`."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "server": server and (server, 8000), "headers": raw})


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "LOCALHOST:8000", "a.localhost:8000", "127.0.0.1:8000"]
)
def test_names_of_this_machine(host: str) -> None:
    assert is_for_us(connection(host=host), NONE)


@pytest.mark.parametrize("host", ["[::1]:8000", "127.9.9.9", "testserver"])
def test_the_very_address(host: str) -> None:
    assert is_for_us(connection(host=host, server="testserver"), NONE)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "192.0.2.1",
        "",
        "[",
        "::1",
    ],
)
def test_other_names_are_not_for_us(host: str) -> None:
    assert not is_for_us(connection(host=host), NONE)


def test_no_host_or_a_socket_file_is_not_for_us_by_itself() -> None:
    assert not is_for_us(connection(), NONE)
    assert not is_for_us(connection(server=None, host="evil.example"), NONE)
    assert is_for_us(connection(server=None, host="localhost"), NONE)


def test_a_trusted_origin_names_us() -> None:
    assert is_for_us(connection(host="Train.example.org"), frozenset({"https://train.example.org"}))


@pytest.mark.parametrize(
    ("headers", "crossing"),
    [
        ({}, False),  # curl
        ({"sec_fetch_site": "same-origin", "origin": "http://localhost:8000"}, False),
        ({"sec_fetch_site": "none"}, False),  # typed by the user
        ({"sec_fetch_site": "cross-site", "origin": "https://evil.example"}, True),
        ({"sec_fetch_site": "same-site", "origin": "http://localhost:3000"}, True),
        ({"sec_fetch_site": "cross-site"}, True),
        ({"origin": "https://evil.example"}, True),  # an older browser
        ({"origin": "http://localhost:3000"}, True),
        ({"origin": "null"}, True),
        ({"origin": "http://["}, True),  # cannot be parsed
        ({"origin": "http://[::1"}, True),
        ({"origin": "http://localhost:8000@evil.example"}, True),
        ({"origin": "http://localhost:8000"}, False),
        ({"origin": "https://portal.example.org", "sec_fetch_site": "cross-site"}, False),
    ],
)
def test_what_another_page_made_the_browser_send(headers: dict[str, str], crossing: bool) -> None:
    asked = connection(host="localhost:8000", **headers)
    assert is_cross_origin(asked, frozenset({"https://portal.example.org"})) is crossing
