"""Promotions over REST."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from training_pipeline.app.container import Services
from training_pipeline.domain.model_version import Standing, VersionState
from training_pipeline.testing.jobs.job_life import API, succeeded
from training_pipeline_tests.api.test_problems import problem

ONE = f"{API}/model-versions/triage/2/promote"
ALL = f"{API}/promotions/triage"
GATE = {"margins": {"exact_match": 0.02}}


def test_a_decision_is_made_and_stays_on_record(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeeded(services)
    assert client.get(ALL).json() == {"promotions": [], "total": 0}
    made = client.post(ONE, json={"gate": GATE}).json()
    # It was not evaluated, and its files are not here.
    assert (made["verdict"], made["moved_at"], made["alias"], made["previous_version"]) == (
        "not enough evidence",
        None,
        "champion",
        None,
    )
    assert made["findings"][0]["reason"].startswith("this version was not evaluated")
    assert made["gate"]["margins"] == GATE["margins"]
    assert client.get(ALL).json() == {"promotions": [made], "total": 1}
    found = problem(client.post(f"{ALL}/roll-back", json={"reason": "r"}), 409, "conflict")
    assert "was never moved from here" in found["detail"]
    tainted = Standing(state=VersionState.TAINTED, reasons=("Tainted by rv-1.",))
    monkeypatch.setattr(services.versions, "_standings", lambda ids: dict.fromkeys(ids, tainted))
    found = problem(client.post(ONE, json={"gate": GATE}), 409, "tainted")
    assert "Tainted by rv-1." in found["detail"]
    assert client.get(ALL).json()["total"] == 1


def test_what_is_unknown_or_wrong(client: TestClient) -> None:
    problem(client.post(ONE, json={"gate": GATE}), 404, "not_found")
    found = problem(client.post(ONE, json={"alias": "latest", "gate": GATE}), 422, "invalid_request")
    assert [each["pointer"] for each in found["errors"]] == ["/alias"]
    found = problem(client.post(ONE, json={"gate": {"margins": {"speed": 1.0}}}), 422, "invalid_request")
    assert "speed" in found["errors"][0]["pointer"]
