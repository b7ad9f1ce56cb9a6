from __future__ import annotations

import shutil

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from training_pipeline.app.container import Services

BEAT = text(
    "INSERT INTO dagster.daemon_heartbeats (daemon_type, daemon_id, timestamp, body)"
    " VALUES ('SENSOR', 'x', (now() AT TIME ZONE 'UTC') - make_interval(secs => :age), '{}')"
)


def beat(services: Services, age: float) -> None:
    with services.store.begin() as connection:
        connection.execute(text("DELETE FROM dagster.daemon_heartbeats"))
        connection.execute(BEAT, {"age": age})


def wrong(client: TestClient) -> dict[str, str]:
    """What is wrong, by name."""
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    return {check["name"]: check["detail"] for check in answer.json()["checks"] if not check["ok"]}


def test_ready_is_ready(client: TestClient, services: Services) -> None:
    beat(services, 1)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert [check["name"] for check in answer.json()["checks"]] == ["database", "backend", "disk", "dagster_daemon"]
    assert client.get("/healthz").json() == {"status": "ok"}


def test_what_is_missing_is_said(client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "never run" in wrong(client)["dagster_daemon"]
    beat(services, 3600)
    assert "3600 seconds ago" in wrong(client)["dagster_daemon"]
    beat(services, 1)
    usage = shutil.disk_usage("/")._replace(free=100 * 2**20)
    with monkeypatch.context() as nearly_full:
        nearly_full.setattr(shutil, "disk_usage", lambda _: usage)
        assert wrong(client)["disk"].startswith("100 MiB are free, less than 1024 MiB.")
    monkeypatch.setattr(services.backend, "base_models", list)
    assert set(wrong(client)) == {"backend"}

    def refuse() -> None:
        raise ConnectionError("10.0.0.7 refused")

    monkeypatch.setattr(services.backend, "base_models", refuse)
    assert "10.0.0.7" not in wrong(client)["backend"]
    with services.store.begin() as connection:
        connection.execute(text("COMMENT ON SCHEMA training IS 'another release'"))
    assert "tables are of another release" in wrong(client)["database"]
    assert client.get("/healthz").status_code == 200
