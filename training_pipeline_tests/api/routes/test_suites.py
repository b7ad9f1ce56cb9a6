from __future__ import annotations

from fastapi.testclient import TestClient

from training_pipeline.app.container import Services
from training_pipeline.domain.rules.policy import GATE_POLICY_VERSION
from training_pipeline.testing.jobs.job_life import API, succeeded
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline_tests.api.test_problems import problem

SUITES = f"{API}/suites"


def test_a_suite_is_made_once_shown_and_checked(client: TestClient, services: Services) -> None:
    job = succeeded(services)
    # Five questions that the job was trained or validated on, and one that nobody has seen.
    seen = rows(5, allowed_uses=["evaluation"])
    unseen = {**seen[0], "pair_id": "new", "item_ref": "new", "messages": [{"role": "user", "content": "Who?"}]}
    unseen["messages"].append({"role": "assistant", "content": "Ada."})
    write_sheet(services.settings.sheets, "held-out", [*seen, unseen])
    request = {"name": "triage-1", "training_sheet_ids": ["held-out"]}
    answer = client.post(SUITES, json=request)
    assert (answer.status_code, answer.headers["location"]) == (201, f"{SUITES}/triage-1")
    made = answer.json()
    assert (made["pairs"], made["sheets"][0]["excluded"], made["gate_policy_version"]) == (6, {}, GATE_POLICY_VERSION)
    assert client.post(SUITES, json=request).json() == made
    assert client.get(SUITES).json() == {"suites": [made], "total": 1}
    assert client.get(f"{SUITES}/triage-1").json() == made | {"aged": {}}
    found = client.get(f"{SUITES}/triage-1/check", params={"job_id": job.id}).json()
    assert (found["asked"], found["evaluated"], found["refused"], found["aged"]) == (6, 1, {"same_example": 5}, {})
    assert (found["jobs"], found["is_ancestry_known"]) == ([job.id], True)
    assert found["pairs"][0] == {
        "training_sheet_id": "held-out",
        "pair_id": "p-0000",
        "finding": "same_example",
        "job_id": job.id,
    }
    write_sheet(services.settings.sheets, "held-out", [{**unseen, "prohibited_uses": ["evaluation"]}])
    aged = client.get(f"{SUITES}/triage-1/check", params={"job_id": job.id}).json()
    assert (aged["evaluated"], aged["aged"]) == (0, {"evaluation_prohibited": 1, "missing": 5})
    shown = client.get(f"{SUITES}/triage-1").json()
    assert (shown["pairs"], shown["aged"], shown["not_counted"]) == (6, aged["aged"], None)
    (services.settings.suites / made["digest"] / "pairs.parquet").unlink()
    shown = client.get(f"{SUITES}/triage-1").json()
    assert (shown["pairs"], shown["aged"]) == (6, None)
    assert "is gone" in shown["not_counted"]
    other = client.post(SUITES, json={"name": "triage-1", "training_sheet_ids": ["small"]})
    assert "No pair may be evaluated on" in problem(other, 422, "gate_refused")["detail"]


def test_what_is_unknown_or_wrong(client: TestClient, services: Services) -> None:
    assert "suites create" in problem(client.get(f"{SUITES}/nobody"), 404, "not_found")["hint"]
    problem(client.post(SUITES, json={"name": "x", "training_sheet_ids": ["nobody"]}), 404, "not_found")
    found = problem(client.post(SUITES, json={"name": "X", "training_sheet_ids": []}), 422, "invalid_request")
    assert [each["pointer"] for each in found["errors"]] == ["/name", "/training_sheet_ids"]
