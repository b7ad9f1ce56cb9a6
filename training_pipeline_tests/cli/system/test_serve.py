from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest

from training_pipeline.auth.tokens import ApiTokens
from training_pipeline.cli.system.serve import require_safe_address
from training_pipeline.domain.access import Role
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.testing.polling import until
from training_pipeline.training_jobs.store.jobs import JobStore

MAIN = [sys.executable, "-c", "from training_pipeline.cli.app import main; main()"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "localhost", "::1"])
def test_this_machine_alone_needs_no_authentication(host: str) -> None:
    require_safe_address(Settings(api_host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "no-such-host.invalid", ""])
def test_any_other_address_is_refused_without_authentication(host: str) -> None:
    with pytest.raises(InvalidRequest, match="this machine only"):
        require_safe_address(Settings(api_host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_with_authentication_any_address_will_do(host: str) -> None:
    require_safe_address(Settings(api_host=host, auth="token"))


@pytest.mark.parametrize(
    ("command", "host"), [(["serve", "--host", "0.0.0.0"], ""), (["serve"], "::"), (["up"], "0.0.0.0")]
)
def test_the_command_refuses_before_it_starts_anything(tmp_path: Path, command: list[str], host: str) -> None:
    environment = {**os.environ, "TRAINING_PIPELINE_STATE_DIR": str(tmp_path / "state")}
    if host:
        environment["TRAINING_PIPELINE_API_HOST"] = host
    done = subprocess.run([*MAIN, *command], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is for this machine only" in done.stderr
    assert "TRAINING_PIPELINE_AUTH=token" in done.stderr
    assert not (tmp_path / "state" / "postgres").exists()


def test_a_real_server_on_every_address_asks_for_tokens(settings: Settings, database: Database, tmp_path: Path) -> None:
    """A token that this process makes is good on the server, and is not any more once this process revokes it."""
    environment = {
        **os.environ,
        "TRAINING_PIPELINE_STATE_DIR": str(settings.state_dir),
        "TRAINING_PIPELINE_DATABASE_URL": database.url("public"),
        "TRAINING_PIPELINE_AUTH": "token",
    }
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = tmp_path / "log"
    serve = [*MAIN, "serve", "--host", "0.0.0.0", "--port", str(port)]
    with log.open("wb") as output:
        server = subprocess.Popen(serve, env=environment, stdout=output, stderr=output)
    try:
        until(lambda: status(port, "/healthz") == 200 or server.poll() is not None, seconds=120)
        tokens = ApiTokens(JobStore(database.engine(pooled=False)))
        token, secret = tokens.create("ada", Role.VIEWER, timedelta(days=1), created_by="root")
        models = "/api/v1/training/models"
        assert [status(port, models), status(port, models, secret)] == [401, 200]
        tokens.revoke(token.id, by="root")
        assert status(port, models, secret) == 401
    finally:
        server.terminate()
        server.wait(30)
    assert secret[-20:] not in log.read_text()


def status(port: int, path: str, token: str | None = None) -> int:
    """The status of an answer; 0 where there is none."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (urllib.error.URLError, ConnectionError):
        return 0
