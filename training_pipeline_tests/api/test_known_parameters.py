from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from training_pipeline.testing.jobs.job_life import API, JOBS
from training_pipeline_tests.api.test_problems import problem


@pytest.mark.parametrize(
    ("path", "query", "told"),
    [
        (JOBS, "statuss=failed", {"/statuss": "is not known: did you mean status?"}),
        (JOBS, "page=1&sheet=x&createdby=ada", {"/sheet": "", "/createdby": "is not known: did you mean created_by?"}),
        (f"{JOBS}/tj-none", "status=failed", {"/status": "is not known: there are none here"}),
        (f"{JOBS}/tj-none/events", "limit=3", {"/limit": "is not known: expected one of cursor, page, page_size"}),
    ],
)
def test_a_parameter_that_a_route_does_not_have_is_named(
    client: TestClient, path: str, query: str, told: dict[str, str]
) -> None:
    found = problem(client.get(f"{path}?{query}"), 422, "invalid_request")["errors"]
    assert {one["pointer"]: one["code"] for one in found} == dict.fromkeys(told, "unknown_parameter")
    assert all(told[one["pointer"]] in one["detail"] for one in found)


def test_what_a_route_has_is_taken(client: TestClient) -> None:
    assert client.get(JOBS, params={"status": ["failed", "running"], "page": 1, "tainted": True}).status_code == 200
    assert client.get(f"{API}/active").status_code == 200
