from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from training_pipeline.api.app import create_app
from training_pipeline.api.logs import JsonLines
from training_pipeline.app.container import Services
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import API, JOBS, post


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged, as JSON lines."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    ours = logging.getLogger("training_pipeline")
    before = ours.level
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    yield stream
    ours.removeHandler(handler)
    ours.setLevel(before)


def lines(log: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_the_id_of_a_request_is_in_answer_log_and_event(client: TestClient, log: io.StringIO) -> None:
    headers = {"X-Request-ID": "from-the-client_1"}
    made = client.post(JOBS, json={"training_sheet_id": "small", "model_name": "triage"}, headers=headers)
    assert made.headers["X-Request-ID"] == "from-the-client_1"
    (line,) = [line for line in lines(log) if line["message"] == "request"]
    assert {"method": "POST", "path": JOBS, "status": 201, "actor": "local"}.items() <= line.items()
    assert line["request_id"] == "from-the-client_1"
    (event,) = client.get(f"{JOBS}/{made.json()['id']}/events").json()["events"]
    assert (event["data"]["request_id"], event["actor"]) == ("from-the-client_1", "local")


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "inject\\ted", '"quoted"'])
def test_an_id_that_is_none_is_replaced(client: TestClient, given: str) -> None:
    answered = client.get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert answered.startswith("req-")


def test_what_nobody_foresaw_is_logged_in_full_and_told_in_a_sentence(
    client: TestClient, services: Services, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode() -> None:
        raise ZeroDivisionError("deep secret inside")

    monkeypatch.setattr(services.backend, "base_models", explode)
    answer = client.get(f"{API}/models")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert "ZeroDivisionError" not in answer.text
    (line,) = [line for line in lines(log) if line["message"] == "unforeseen"]
    assert "deep secret inside" in str(line["error"])
    assert line["request_id"] == answer.json()["request_id"]


def test_the_local_user_can_be_named(settings: Settings, services: Services) -> None:
    named = settings.model_copy(update={"local_user": "ada"})
    with TestClient(create_app(named, services)) as client:
        assert post(client)["created_by"] == "ada"
