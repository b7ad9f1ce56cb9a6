"""Evaluations over REST."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from training_pipeline.app.container import Services
from training_pipeline.models.evaluation import records
from training_pipeline.models.evaluation.evaluations import Evaluations
from training_pipeline.models.evaluation.records import EvaluationStatus
from training_pipeline.testing.jobs.job_life import API, succeeded
from training_pipeline.testing.models.evaluated import judging, stored_evaluation
from training_pipeline_tests.api.test_problems import problem

ALL = f"{API}/model-versions/triage/2/evaluations"


def test_an_evaluation_is_asked_for_listed_and_shown(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = succeeded(services)
    assert client.get(ALL).json() == {"evaluations": [], "total": 0}
    asked: list[dict[str, object]] = []

    def start(self: Evaluations, name: str, version: str, suite: str, **more: object) -> records.Evaluation:
        asked.append({"suite": suite, **more})
        made = stored_evaluation(job.id, EvaluationStatus.SUCCEEDED).model_copy(update={"judge": judging()})
        return records.add(services.store, made)

    monkeypatch.setattr(Evaluations, "start", start)
    answer = client.post(ALL, json={"suite": "parcels", "champion": "1", "base": False, "judge": "house"})
    assert answer.status_code == 202
    assert [{**each, "actor": ""} for each in asked] == [
        {"suite": "parcels", "champion": "1", "base": False, "judge": "house", "actor": ""}
    ]
    made = answer.json()
    assert client.get(ALL).json() == {"evaluations": [made], "total": 1}
    assert client.get(f"{API}/model-versions/triage/2").json()["evaluations"] == [made]
    assert made["figures"][0]["estimate"] == 0.9
    assert made["counts"] == {
        "asked": 60,
        "evaluated": 57,
        "refused": {"same_question": 2},
        "aged": {"missing": 1},
        "reported": {},
        "is_ancestry_known": True,
    }
    assert made["judge"] == {
        "name": "house",
        "url": "https://models.example.org/v1",
        "model": "judge-7b",
        "max_classification": "public",
        "answers": [
            {
                "model": "tuned",
                "answered_as": ["judge-7b-2026"],
                "prompt_version": "1",
                "judged": 50,
                "unanswered": 0,
                "not_sent": 5,
                "not_judged": {"no_verdict": 2},
                "agreement": 0.9,
                "missing": None,
            }
        ],
    }
    assert client.post(f"{ALL}/{made['id']}/cancel").json() == made


def test_what_is_unknown_or_wrong(client: TestClient, services: Services) -> None:
    problem(client.get(ALL), 404, "not_found")
    succeeded(services)
    problem(client.post(ALL, json={"suite": "nobody"}), 404, "not_found")
    problem(client.post(f"{ALL}/ev-1/cancel"), 404, "not_found")
    found = problem(client.post(ALL, json={"suite": "No", "more": 1}), 422, "invalid_request")
    assert [each["pointer"] for each in found["errors"]] == ["/suite", "/more"]
