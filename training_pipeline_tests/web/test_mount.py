"""The pages' server, asked over HTTP by what is no browser. NiceGUI is one app a process, so it runs in its own."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from training_pipeline.auth.tokens import ApiTokens
from training_pipeline.domain.access import Role
from training_pipeline.settings import Settings
from training_pipeline.testing.system.warm_python import WarmPython
from training_pipeline.testing.ui.browsers import Serving, environment_of
from training_pipeline.training_jobs.store.jobs import JobStore


@pytest.fixture
def server(settings: Settings, tmp_path: Path, warm_python: WarmPython) -> Iterator[Serving]:
    assert settings.database_url is not None
    known = {
        "TRAINING_PIPELINE_STATE_DIR": str(settings.state_dir),
        "TRAINING_PIPELINE_DATABASE_URL": settings.database_url.get_secret_value(),
    }
    server = Serving(environment_of(known), tmp_path / "serve.log", python=warm_python)
    server.start()
    yield server
    server.stop()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def get(server: Serving, path: str, method: str = "GET") -> tuple[int, dict[str, str], str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect)
    request = urllib.request.Request(f"{server.base}{path}", method=method)
    try:
        answer = opener.open(request, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read().decode()


def test_pages_beside_the_api(server: Serving) -> None:
    status, headers, _ = get(server, "/")
    assert (status, headers["location"]) == (307, "/train")
    status, headers, body = get(server, "/train")
    assert (status, headers["cache-control"]) == (200, "no-store")
    policy = headers["content-security-policy"]
    nonce = re.search(r"'nonce-([\w-]+)'", policy)
    assert nonce is not None
    scripts = re.findall(r"<script[^>]*>", body)
    assert len(scripts) > 5
    assert all(f'nonce="{nonce.group(1)}"' in script for script in scripts)
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    assert nonce.group(1) not in get(server, "/train")[1]["content-security-policy"]
    asset = re.search(r'"(/train/_nicegui/[^"]+/static/nicegui.js)"', body)
    assert asset is not None
    assert "immutable" in get(server, asset.group(1))[1]["cache-control"]
    for path in ("/", "/train", "/train/login", "/train/nowhere", asset.group(1)):
        status, headers, body = get(server, path, "HEAD")
        same = get(server, path)
        assert (status, headers.get("content-type"), body) == (same[0], same[1].get("content-type"), "")
    assert get(server, "/train/jobs/none")[0] == get(server, "/train/nowhere")[0] == 404
    assert get(server, "/train/jobs/none/metrics.csv")[0] == 404
    for path in ("/train/static/nothing.js", "/train/_nicegui/nothing", "/train/_nicegui/1/static/nothing.js"):
        status, headers, body = get(server, path)
        assert (status, headers["content-type"]) == (404, "application/problem+json"), (path, body)
    status, headers, body = get(server, "/api/v1/training/nowhere")
    assert (status, headers["content-type"]) == (404, "application/problem+json")
    assert get(server, "/openapi.json")[0] == get(server, "/healthz")[0] == 200
    assert not Path(".nicegui").exists()


def test_who_may_not_import_takes_no_turn_of_those_who_may(
    settings: Settings, store: JobStore, tmp_path: Path, warm_python: WarmPython
) -> None:
    assert settings.database_url is not None
    known = {
        "TRAINING_PIPELINE_STATE_DIR": str(settings.state_dir),
        "TRAINING_PIPELINE_DATABASE_URL": settings.database_url.get_secret_value(),
        "TRAINING_PIPELINE_AUTH": "token",
    }
    _, token = ApiTokens(store).create("eve", Role.VIEWER, timedelta(days=1), created_by="root")
    server = Serving(environment_of(known), tmp_path / "serve.log", python=warm_python)
    server.start()
    try:
        with httpx.Client(base_url=server.base, trust_env=False, timeout=30) as client:
            assert client.post("/session", headers={"Authorization": f"Bearer {token}"}).status_code == 204
            # Nothing of the body comes: whoever waited for it would hold a turn for minutes.
            request = client.build_request("POST", "/train/uploads")
            cookie = request.headers["Cookie"]
        address = urllib.parse.urlsplit(server.base)
        with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=60) as slow:
            head = f"POST /train/uploads HTTP/1.1\r\nHost: {address.netloc}\r\nCookie: {cookie}\r\n"
            head += f"Origin: {server.base}\r\nContent-Length: 9000\r\n"
            head += "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
            slow.sendall(head.encode())
            assert slow.recv(1000).startswith(b"HTTP/1.1 403 ")
    finally:
        server.stop()


def test_no_other_command_pays_for_the_pages() -> None:
    script = "import sys, training_pipeline.cli.app, training_pipeline.api.app; sys.exit('nicegui' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
