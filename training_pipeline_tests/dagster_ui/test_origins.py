from __future__ import annotations

import socket
from pathlib import Path

import pytest
from starlette.requests import HTTPConnection

from training_pipeline.dagster_ui.origins import Origins
from training_pipeline.domain.errors import Forbidden
from training_pipeline.settings import Settings


def asked(host: str, server: str = "127.0.0.1", method: str = "POST", **headers: str) -> HTTPConnection:
    raw = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return HTTPConnection(
        {
            "type": "http",
            "method": method,
            "path": "/",
            "server": (server, 3000),
            "headers": [(name.encode(), value.encode()) for name, value in raw.items()],
        }
    )


def allowed(origins: Origins, connection: HTTPConnection) -> bool:
    try:
        origins.require(connection)
    except Forbidden:
        return False
    return True


@pytest.mark.parametrize("read_only", [False, True])
def test_an_address_in_the_settings_is_ours(tmp_path: Path, read_only: bool) -> None:
    settings = Settings(state_dir=tmp_path, auth="token", dagster_url="https://Dagster.example.org/")
    known = Origins.of(settings, read_only=read_only)
    unknown = Origins.of(Settings(state_dir=tmp_path), read_only=read_only)
    proxied = asked("dagster.example.org", origin="https://dagster.example.org")
    assert allowed(known, proxied)
    assert not allowed(unknown, proxied)
    assert not allowed(known, asked("dagster.example.org", origin="https://evil.example"))


def test_the_pages_that_may_call_the_api_may_not_call_dagster(tmp_path: Path) -> None:
    settings = Settings(
        state_dir=tmp_path,
        auth="token",
        api_cors_origins="https://portal.example",
        api_public_url="https://train.example",
    )
    for origin in ("https://portal.example", "https://train.example"):
        assert not allowed(Origins.of(settings, read_only=False), asked("127.0.0.1:3000", origin=origin))


def test_others_find_the_read_only_one_by_this_machines_names_and_addresses(tmp_path: Path) -> None:
    full, read_only = (Origins.of(Settings(state_dir=tmp_path), read_only=one) for one in (False, True))
    for host in (socket.gethostname(), "192.0.2.7:3001", "[2001:db8::7]:3001", "localhost:3001"):
        assert allowed(read_only, asked(host, server="192.0.2.7"))
        assert not allowed(full, asked(host, server="192.0.2.7"))
    assert not allowed(read_only, asked("evil.example", server="192.0.2.7"))


def test_where_tokens_are_required_others_find_both_by_the_names_of_this_machine(tmp_path: Path) -> None:
    for read_only in (False, True):
        asking = Origins.of(Settings(state_dir=tmp_path, auth="token"), read_only=read_only)
        for host in (socket.gethostname(), "192.0.2.7:3000", "localhost"):
            assert allowed(asking, asked(host, server="192.0.2.7"))
        assert not allowed(asking, asked("evil.example", server="192.0.2.7"))
        assert not allowed(asking, asked("192.0.2.7", server="192.0.2.7", origin="https://evil.example"))
