from __future__ import annotations

from fastapi.testclient import TestClient

from training_pipeline.app.container import Services
from training_pipeline.domain.access import Role
from training_pipeline.testing.jobs.job_life import API, JOBS, post, prepared, succeeded
from training_pipeline.testing.servers.bearers import bearer
from training_pipeline_tests.api.test_problems import problem

REVOCATIONS = f"{API}/revocations"
PAIR = {"pair": "p-0003", "sheet": "small", "reason": "consent withdrawn"}


def test_a_revocation_is_shown_recorded_once_and_found_again(client: TestClient, services: Services) -> None:
    job = succeeded(services)
    running = prepared(services, post(client)["id"])
    shown = client.post(REVOCATIONS, json=PAIR, params={"dry_run": True})
    assert shown.status_code == 200
    preview = shown.json()
    (taint,) = preview["taints"]
    assert (taint["job_id"], taint["model_name"], taint["model_version"]) == (job.id, "triage", "2")
    assert (taint["train"] + taint["validation"], taint["inherited_from"]) == (1, [])
    assert (preview["jobs_in_progress"], preview["known"]) == ([running.id], None)
    assert client.get(REVOCATIONS).json() == {
        "revocations": [],
        "total": 0,
        "page": 1,
        "page_size": 50,
        "next_cursor": None,
    }
    answer = client.post(REVOCATIONS, json=PAIR)
    assert answer.status_code == 201
    made = answer.json()
    assert [{**one, "revocation_id": ""} for one in made["taints"]] == preview["taints"]
    assert (made["kind"], made["value"], made["source"], made["tainted"]) == ("pair", "p-0003", "by_hand", 1)
    assert client.get(answer.headers["Location"]).json() == made
    assert client.post(REVOCATIONS, json={**PAIR, "reason": "again"}).json() == made
    assert client.post(REVOCATIONS, json=PAIR, params={"dry_run": True}).json()["known"] == made["id"]
    assert client.get(f"{JOBS}/{job.id}").json()["tainted_at"] is not None
    assert client.get(f"{JOBS}/{running.id}").json()["tainted_at"] is None
    listed = client.get(JOBS, params={"tainted": True}).json()
    assert ([one["id"] for one in listed["jobs"]], listed["total"]) == ([job.id], 1)
    assert client.get(JOBS, params={"tainted": False}).json()["total"] == 2
    events = client.get(f"{JOBS}/{job.id}/events").json()["events"]
    assert sum(made["id"] in event["message"] for event in events) == 1
    unused = client.post(REVOCATIONS, json={"label": "never", "reason": "r"}).json()
    assert (unused["tainted"], unused["taints"]) == (0, [])
    of_job = client.get(REVOCATIONS, params={"job_id": job.id}).json()
    assert [one["id"] for one in of_job["revocations"]] == [made["id"]]
    first = client.get(REVOCATIONS, params={"page_size": 1}).json()
    assert ([one["id"] for one in first["revocations"]], first["total"]) == ([unused["id"]], 2)
    second = client.get(REVOCATIONS, params={"page_size": 1, "cursor": first["next_cursor"]}).json()
    assert ([one["id"] for one in second["revocations"]], second["next_cursor"]) == ([made["id"]], None)


def test_what_cannot_be_revoked_is_said_at_once(client: TestClient, services: Services) -> None:
    found = problem(client.post(REVOCATIONS, json={"pair": "p", "reason": ""}), 422, "invalid_request")
    assert [error["pointer"] for error in found["errors"]] == ["/sheet", "/reason"]
    for body in ({}, {"reason": "r"}, {"item": "a", "label": "b", "reason": "r"}, {**PAIR, "text": "x"}):
        problem(client.post(REVOCATIONS, json=body), 422, "invalid_request")
    problem(client.get(f"{REVOCATIONS}/rv-20261123-072145-9f3a2c"), 404, "not_found")
    problem(client.get(f"{REVOCATIONS}/x"), 422, "invalid_request")


def test_stewards_revoke_and_nobody_else(settings: object, services: Services, client: TestClient) -> None:
    from training_pipeline.api.auth.bearer import by_token

    client.app.state.authenticate = by_token  # type: ignore[attr-defined]
    for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN):
        for params in ({}, {"dry_run": True}):
            refused = client.post(REVOCATIONS, json=PAIR, params=params, headers=bearer(services, "ada", role))
            assert "requires the role steward" in problem(refused, 403, "forbidden")["detail"]
        assert client.get(REVOCATIONS, headers=bearer(services, "ada", role)).status_code == 200
    grace = bearer(services, "grace", Role.STEWARD)
    assert client.post(REVOCATIONS, json=PAIR, headers=grace).json()["actor"] == "grace"
    problem(client.post(JOBS, json={"training_sheet_id": "small", "model_name": "m"}, headers=grace), 403, "forbidden")
