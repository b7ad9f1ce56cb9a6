from __future__ import annotations

from fastapi.testclient import TestClient

from training_pipeline.app.container import Services
from training_pipeline.testing.jobs.job_life import API, succeeded
from training_pipeline_tests.api.test_problems import problem

DECISIONS = f"{API}/decisions"
DECISION = {"model_name": "triage", "model_version": "2", "decision": "retrain", "reason": "consent withdrawn"}


def test_a_decision_about_a_tainted_version_is_appended(client: TestClient, services: Services) -> None:
    problem(client.post(DECISIONS, json=DECISION), 404, "not_found")
    job = succeeded(services)
    problem(client.post(f"{API}/model-versions/triage/2/retrain"), 409, "conflict")
    assert client.get(f"{API}/model-versions/triage/2").json()["retrain"] is None
    problem(client.post(DECISIONS, json=DECISION), 409, "conflict")
    body = {"pair": "p-0003", "sheet": "small", "reason": "consent withdrawn"}
    made = client.post(f"{API}/revocations", json=body).json()
    version = f"{API}/model-versions/triage/2"
    proposal = client.get(version).json()["retrain"]
    assert proposal["train"] + proposal["validation"] == 1
    assert (proposal["launched_job_id"], proposal["request"]["training_sheet_id"]) == (None, "small")
    retrain = client.post(f"{version}/retrain").json()
    assert client.post(f"{version}/retrain").json()["id"] == retrain["id"]
    assert client.get(version).json()["retrain"]["launched_job_id"] == retrain["id"]
    first = client.post(DECISIONS, json=DECISION)
    assert first.status_code == 201
    decided = first.json()
    assert (decided["number"], decided["job_id"], decided["revocation_ids"]) == (1, job.id, [made["id"]])
    assert (decided["previous_hash"], decided["due"]) == ("0" * 64, None)
    more = {**DECISION, "decision": "withdraw", "due": "2099-12-31", "evidence": "https://example.org"}
    second = client.post(DECISIONS, json=more).json()
    assert (second["previous_hash"], second["due"]) == (decided["hash"], "2099-12-31")
    page = client.get(DECISIONS, params={"model_name": "triage", "model_version": "2", "page_size": 1}).json()
    assert (page["decisions"], page["total"]) == ([second], 2)
    rest = client.get(DECISIONS, params={"page_size": 1, "cursor": page["next_cursor"]}).json()
    assert (rest["decisions"], rest["next_cursor"]) == ([{**decided, "in_force": False}], None)
    assert client.get(DECISIONS, params={"model_name": "other"}).json()["total"] == 0
    wrong = problem(
        client.post(DECISIONS, json={**DECISION, "reason": "", "due": "2020-01-01"}), 422, "invalid_request"
    )
    assert [error["pointer"] for error in wrong["errors"]] == ["/reason", "/due"]
    problem(client.post(DECISIONS, json={**DECISION, "decision": "forget"}), 422, "invalid_request")
