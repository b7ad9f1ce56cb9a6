"""Who may use which route: every route of the app is tried as everybody, and one without a rule fails."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from training_pipeline.api.app import create_app
from training_pipeline.app.container import Services
from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.job import JobStatus
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import API, JOBS, post
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.testing.servers.bearers import asking_client, bearer
from training_pipeline_tests.api.routes.test_decisions import DECISION
from training_pipeline_tests.api.test_problems import problem

OPEN = None
#: Answers who has a session, whatever token comes along.
OF_PAGES = "of pages"
#: The least role that each route takes; a job's creator is meant where that role is an operator's.
VERSION = f"{API}/model-versions/{{name}}/{{version}}"
RULES: dict[tuple[str, str], Role | str | None] = {
    ("GET", "/openapi.json"): Role.VIEWER,
    ("GET", "/healthz"): OPEN,
    ("GET", "/readyz"): OPEN,
    ("POST", "/session"): Role.VIEWER,
    ("GET", "/session"): OF_PAGES,
    ("DELETE", "/session"): OPEN,
    ("POST", JOBS): Role.OPERATOR,
    ("GET", JOBS): Role.VIEWER,
    ("GET", f"{API}/active"): Role.VIEWER,
    ("GET", f"{JOBS}/{{job_id}}"): Role.VIEWER,
    ("POST", f"{JOBS}/{{job_id}}/poll"): Role.VIEWER,
    ("POST", f"{JOBS}/{{job_id}}/cancel"): Role.OPERATOR,
    ("PATCH", f"{JOBS}/{{job_id}}"): Role.OPERATOR,
    ("POST", f"{JOBS}/{{job_id}}/finish"): Role.OPERATOR,
    ("POST", f"{JOBS}/{{job_id}}/retry"): Role.OPERATOR,
    ("GET", f"{JOBS}/{{job_id}}/events"): Role.VIEWER,
    ("GET", f"{JOBS}/{{job_id}}/events/stream"): Role.VIEWER,
    ("GET", f"{JOBS}/{{job_id}}/metrics"): Role.VIEWER,
    ("GET", f"{JOBS}/{{job_id}}/log"): Role.VIEWER,
    ("GET", f"{JOBS}/{{job_id}}/system-metrics"): Role.VIEWER,
    ("GET", f"{JOBS}/{{job_id}}/result"): Role.VIEWER,
    ("GET", f"{JOBS}/{{job_id}}/lineage"): Role.VIEWER,
    ("GET", f"{JOBS}/{{job_id}}/advice"): Role.VIEWER,
    ("GET", f"{API}/estimates"): Role.VIEWER,
    ("GET", f"{JOBS}/{{job_id}}/diff/{{other_job_id}}"): Role.VIEWER,
    ("GET", f"{JOBS}/compare"): Role.VIEWER,
    ("GET", f"{JOBS}/{{job_id}}/audit"): Role.VIEWER,
    ("GET", f"{VERSION}/audit"): Role.VIEWER,
    ("GET", f"{API}/training-sheets"): Role.VIEWER,
    ("GET", f"{API}/training-sheets/{{training_sheet_id}}"): Role.VIEWER,
    ("GET", f"{API}/training-sheets/{{training_sheet_id}}/preview"): Role.VIEWER,
    ("GET", f"{API}/training-sheets/{{training_sheet_id}}/pairs"): Role.VIEWER,
    ("GET", f"{API}/training-sheets/{{training_sheet_id}}/conversations"): Role.VIEWER,
    ("GET", f"{API}/training-sheets/{{training_sheet_id}}/lengths"): Role.VIEWER,
    ("GET", f"{API}/training-sheets/{{training_sheet_id}}/near-duplicates"): Role.VIEWER,
    ("GET", f"{API}/training-sheets/{{training_sheet_id}}/lifting"): Role.VIEWER,
    ("GET", f"{API}/training-sheets/{{training_sheet_id}}/versions"): Role.VIEWER,
    ("GET", f"{API}/training-sheets/{{training_sheet_id}}/diff/{{other_training_sheet_id}}"): Role.VIEWER,
    ("POST", f"{API}/training-sheets"): Role.OPERATOR,
    ("POST", f"{API}/training-sheets/{{training_sheet_id}}/approve"): Role.STEWARD,
    ("PATCH", f"{API}/training-sheets/{{training_sheet_id}}/pairs"): Role.STEWARD,
    ("GET", f"{API}/training-sheets/{{training_sheet_id}}/edits"): Role.VIEWER,
    ("POST", f"{API}/training-sheets/{{training_sheet_id}}/edits/{{number}}/undo"): Role.STEWARD,
    ("POST", f"{API}/training-sheets/{{training_sheet_id}}/take-over"): Role.STEWARD,
    ("GET", f"{API}/models"): Role.VIEWER,
    ("GET", f"{API}/uses"): Role.VIEWER,
    ("POST", f"{API}/revocations"): Role.STEWARD,
    ("GET", f"{API}/revocations"): Role.VIEWER,
    ("GET", f"{API}/revocations/{{revocation_id}}"): Role.VIEWER,
    ("POST", f"{API}/decisions"): Role.STEWARD,
    ("GET", f"{API}/decisions"): Role.VIEWER,
    ("GET", f"{API}/decisions/verification"): Role.VIEWER,
    ("POST", f"{API}/studies"): Role.OPERATOR,
    ("GET", f"{API}/studies"): Role.VIEWER,
    ("GET", f"{API}/studies/{{name}}"): Role.VIEWER,
    ("POST", f"{API}/studies/{{name}}/stop"): Role.OPERATOR,
    ("POST", f"{API}/studies/{{name}}/promote"): Role.OPERATOR,
    ("POST", f"{API}/suites"): Role.OPERATOR,
    ("GET", f"{API}/suites"): Role.VIEWER,
    ("GET", f"{API}/suites/{{name}}"): Role.VIEWER,
    ("GET", f"{API}/suites/{{name}}/check"): Role.VIEWER,
    ("GET", f"{API}/model-versions"): Role.VIEWER,
    ("GET", f"{VERSION}"): Role.VIEWER,
    ("POST", f"{VERSION}/verify"): Role.VIEWER,
    ("POST", f"{VERSION}/retrain"): Role.OPERATOR,
    ("POST", f"{VERSION}/endpoints"): Role.OPERATOR,
    ("DELETE", f"{VERSION}/endpoints"): Role.OPERATOR,
    ("POST", f"{VERSION}/evaluations"): Role.OPERATOR,
    ("GET", f"{VERSION}/evaluations"): Role.VIEWER,
    ("POST", f"{VERSION}/evaluations/{{evaluation_id}}/cancel"): Role.OPERATOR,
    ("POST", f"{VERSION}/ask"): Role.OPERATOR,
    ("GET", f"{VERSION}/files/{{path:path}}"): Role.OPERATOR,
    ("POST", f"{VERSION}/promote"): Role.OPERATOR,
    ("POST", f"{API}/promotions/{{name}}/roll-back"): Role.OPERATOR,
    ("GET", f"{API}/promotions/{{name}}"): Role.VIEWER,
}


def routes() -> list[tuple[str, str]]:
    """Method and path of everything that the app answers."""
    found = iter_route_contexts(create_app(Settings()).routes)
    return sorted((method, str(one.path)) for one in found for method in (one.methods or {"?"}) if method != "HEAD")


def test_every_route_has_a_rule() -> None:
    assert set(routes()) == set(RULES)


@pytest.fixture
def client(settings: Settings, services: Services) -> Iterator[TestClient]:
    with asking_client(settings, services) as client:
        yield client


def test_every_route_as_everybody(client: TestClient, services: Services) -> None:
    people: dict[Role | None, dict[str, str]] = {None: {}, **{role: bearer(services, "ada", role) for role in Role}}
    request = {"training_sheet_id": "small", "model_name": "triage"}
    for method, template in routes():
        least = RULES[method, template]
        for role, headers in people.items():
            # Not over where it is to be cancelled; else over, so that a stream ends and there is something to retry.
            ends = {"cancel": JobStatus.PENDING, "finish": JobStatus.SUCCEEDED}
            status = ends.get(template.rpartition("/")[2], JobStatus.CANCELLED)
            job = new_job(created_by="ada", training_sheet_id="small", status=status)
            services.store.create(job, message="Created.")
            path = (
                re.sub(r"{(other_)?job_id}", job.id, template)
                .replace("{training_sheet_id}", "small")
                .replace("{other_training_sheet_id}", "small")
                .replace("{name}", "s")
            )
            sends: dict[str, Any] = {"json": request} if (method, template) == ("POST", JOBS) else {}
            sends |= {"params": {"pair": "p-0001"}} if template.endswith("/uses") else {}
            sends |= {"params": {"pair_id": "p-0001"}} if template.endswith("/conversations") else {}
            sends |= {"json": {"label": "l", "reason": "r"}} if template.endswith("/revocations") else {}
            sends |= {"json": DECISION} if template.endswith("/decisions") else {}
            path = path.replace("{evaluation_id}", "ev-20261123-072145-9f3a2c")
            sends |= {"json": {"question": "q"}} if template.endswith("/ask") else {}
            sends |= {"json": {"suite": "s"}} if template.endswith("/evaluations") and method == "POST" else {}
            sends |= {"json": {"gate": {"margins": {"exact_match": 0.02}}}} if template.endswith("/promote") else {}
            sends |= {"json": {"reason": "r"}} if template.endswith("/roll-back") else {}
            path = path.replace("{revocation_id}", "rv-20261123-072145-9f3a2c")
            if template.endswith("/compare"):
                other = services.store.create(new_job(), message="Created.")
                sends = {"params": {"jobs": f"{job.id},{other.id}"}}
            sends |= {"params": {"job_id": job.id}} if template.endswith("/check") else {}
            if (method, template) == ("POST", f"{API}/suites"):
                sends = {"json": {"name": "s", "training_sheet_ids": ["unknown"]}}
            if (method, template) == ("POST", f"{API}/studies"):
                job_asked = {"training_sheet_id": "unknown", "model_name": "m"}
                sends = {"json": {"name": "s", "job": job_asked, "space": {"epochs": {"low": 1, "high": 50}}}}
            sends = {} if template.endswith("/studies/{name}/promote") else sends
            url = {"url": "https://models.example.org"} if template.endswith("/endpoints") else None
            sends |= {} if url is None else {"json": url} if method == "POST" else {"params": url}
            sends |= {"json": {"digest": "0" * 64}} if template.endswith(("/approve", "/undo", "/take-over")) else {}
            edits = {"digest": "0" * 64, "pair_ids": ["x"], "status": "flagged"}
            if method == "PATCH":
                sends = {"json": edits if template.endswith("/pairs") else {"tags": ["a"]}}
            path = path.replace("{number}", "1")
            if (method, template) == ("POST", f"{API}/training-sheets"):
                unknown_upload = json.dumps({"id": "x", "upload_id": f"up-{'0' * 32}"})
                sends = {"files": {"request": (None, unknown_upload, "application/json")}}
            client.cookies.clear()
            answer = client.request(method, path, headers=headers, **sends)
            if least is OF_PAGES:
                problem(answer, 401, "no_session")
            elif least is OPEN:
                assert answer.status_code in {200, 204, 503}, (method, template, role)
            elif role is None:
                problem(answer, 401, "unauthenticated")
            elif not Caller("ada", role).may_act_as(Role(least)):
                problem(answer, 403, "forbidden")
            else:
                # Of a cancelled job there is no lineage to show or to compare, and no use of its pairs.
                nothing = ("/lineage", "}/diff/{other_job_id}", "/uses", "{revocation_id}", "/suites/{name}", "/check")
                unknown = template.endswith(nothing) or template.startswith((VERSION, f"{API}/studies/"))
                of_nothing = {f"{API}/{name}" for name in ("decisions", "studies", "suites", "training-sheets")}
                unknown |= method == "POST" and template in of_nothing
                # The pairs of the sheet are in a file of whoever wrote it.
                of_pairs = method == "PATCH" and template.endswith("/pairs")
                never_moved = template.endswith(("/roll-back", "/undo", "/take-over")) or of_pairs
                expected = {409} if never_moved else {404} if unknown else {200, 201, 204}
                assert answer.status_code in expected, (method, template, role, answer.text)


def test_operators_cancel_and_retry_their_own_jobs_and_admins_everybodys(
    client: TestClient, services: Services
) -> None:
    eve, grace = bearer(services, "eve", Role.OPERATOR), bearer(services, "grace", Role.ADMIN)
    client.headers.update(bearer(services, "ada", Role.OPERATOR))
    job = post(client)
    found = problem(client.post(f"{JOBS}/{job['id']}/cancel", headers=eve), 403, "not_your_job")
    assert found["detail"] == f"Training job {job['id']} belongs to ada; eve needs the role admin to cancel it."
    assert client.get(f"{JOBS}/{job['id']}").json()["status"] == "pending"
    assert client.post(f"{JOBS}/{job['id']}/cancel").status_code == 200
    problem(client.post(f"{JOBS}/{job['id']}/retry", headers=eve), 403, "not_your_job")
    assert client.post(f"{JOBS}/{job['id']}/retry", headers=grace).status_code == 201
    assert client.post(f"{JOBS}/{job['id']}/retry").status_code == 201
    of_grace = client.get(JOBS, params={"created_by": "grace"}).json()["jobs"][0]["id"]
    problem(client.post(f"{JOBS}/{of_grace}/cancel"), 403, "not_your_job")
    problem(client.post(f"{JOBS}/none/cancel", headers=eve), 404, "not_found")


def test_what_is_allowed_is_worked_out_for_who_asks(client: TestClient, services: Services) -> None:
    ada = bearer(services, "ada", Role.OPERATOR)
    job = client.post(JOBS, json={"training_sheet_id": "small", "model_name": "m"}, headers=ada).json()
    assert job["allowed_actions"] == ["cancel", "poll"]

    def allowed(name: str, role: Role) -> list[str]:
        """The same in every answer that has the job."""
        headers = bearer(services, name, role)
        listed = client.get(JOBS, headers=headers).json()["jobs"][0]
        shown = client.get(f"{JOBS}/{job['id']}", headers=headers).json()
        polled = client.post(f"{JOBS}/{job['id']}/poll", headers=headers).json()
        active = client.get(f"{API}/active", headers=headers).json()["jobs"] or [listed]
        found: list[list[str]] = [one["allowed_actions"] for one in (listed, shown, polled, active[0])]
        assert found == found[:1] * 4
        return found[0]

    assert allowed("eve", Role.OPERATOR) == ["poll"]
    assert allowed("ada", Role.VIEWER) == ["poll"]
    assert allowed("grace", Role.ADMIN) == ["cancel", "poll"]
    services.jobs.cancel(job["id"], actor="ada", reason="")
    assert allowed("eve", Role.OPERATOR) == []
    assert allowed("ada", Role.OPERATOR) == ["retry"]
    assert allowed("grace", Role.ADMIN) == ["retry"]
