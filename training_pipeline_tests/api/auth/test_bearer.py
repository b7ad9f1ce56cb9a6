from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, text

from training_pipeline.app.container import Services
from training_pipeline.auth.token_format import new_token
from training_pipeline.domain.access import Role
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import API, JOBS, post
from training_pipeline.testing.servers.bearers import asking_client, bearer, token_of
from training_pipeline_tests.api.middleware.test_request_log import lines, log
from training_pipeline_tests.api.test_problems import problem

__all__ = ["log"]


@pytest.fixture
def client(settings: Settings, services: Services) -> Iterator[TestClient]:
    with asking_client(settings, services) as client:
        yield client


def as_header(authorization: str) -> dict[str, str]:
    return {"Authorization": authorization}


def refused(client: TestClient, code: str, **headers: str) -> str:
    """The challenge of a 401 with this code."""
    answer = client.get(JOBS, headers=headers)
    assert "hint" in problem(answer, 401, code)
    return answer.headers["WWW-Authenticate"]


def test_without_a_token_nothing_is_answered_but_that_one_is_needed(client: TestClient) -> None:
    assert refused(client, "unauthenticated") == 'Bearer realm="training_pipeline"'
    for answer in (
        client.post(JOBS, content=b"x" * 2**21, headers={"Content-Type": "text/plain"}),
        client.get(f"{API}/no/such/path"),
        client.delete(JOBS),
        client.options(JOBS),
        client.head(JOBS),
    ):
        assert answer.status_code == 401


def test_probes_are_open_and_the_document_is_not(client: TestClient, services: Services) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").json()["code"] == "not_ready"  # there is no daemon
    assert client.get("/openapi.json").status_code == 401
    document = client.get("/openapi.json", headers=bearer(services, "ada", Role.VIEWER)).json()
    assert document["paths"][JOBS]["get"]["security"] == [{"bearer": []}]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_a_token_is_told_to_be_malformed_expired_revoked_or_unknown(client: TestClient, services: Services) -> None:
    token_id, secret = token_of(services, "ada", Role.VIEWER)
    good = {"Authorization": f"Bearer {secret}"}
    assert client.get(JOBS, headers=good).status_code == 200
    invalid = 'Bearer realm="training_pipeline", error="invalid_token"'
    assert refused(client, "token_invalid", Authorization=f"Bearer {secret[:-1]}") == invalid
    assert refused(client, "token_invalid", Authorization=f"Bearer {new_token()[1]}") == invalid
    with services.store.begin() as connection:
        connection.execute(text("UPDATE api_tokens SET expires_at = now()"))
    assert refused(client, "token_expired", **good) == invalid
    services.tokens.revoke(token_id, by="root")
    assert refused(client, "token_revoked", **good) == invalid


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Basic YWRhOng=", "Token x", "tpk_x", "Bearer\tx", "Bearerx y"]
)
def test_another_scheme_or_none_is_refused(client: TestClient, authorization: str) -> None:
    refused(client, "authorization_malformed", Authorization=authorization)


def test_a_token_counts_in_one_place_only(client: TestClient, services: Services) -> None:
    secret = token_of(services, "ada", Role.ADMIN)[1]
    assert client.get(JOBS, params={"access_token": secret, "token": secret}).status_code == 401
    assert (
        client.get(JOBS, headers={"X-Api-Key": secret, "Cookie": f"Authorization=Bearer {secret}"}).status_code == 401
    )
    twice = [("Authorization", f"Bearer {secret}"), ("Authorization", f"Bearer {secret}")]
    assert client.get(JOBS, headers=twice).json()["code"] == "authorization_malformed"
    assert client.get(JOBS, headers=as_header(f"bearer  {secret} ")).status_code == 200


def test_revoking_works_at_once_also_while_another_process_serves(client: TestClient, services: Services) -> None:
    token_id, secret = token_of(services, "ada", Role.VIEWER)
    for _ in range(3):
        assert client.get(JOBS, headers=as_header(f"Bearer {secret}")).status_code == 200
    with services.database.engine(pooled=False).begin() as elsewhere:
        elsewhere.execute(
            text("UPDATE api_tokens SET revoked_at = now(), revoked_by = 'x' WHERE id = :id"), {"id": token_id}
        )
    assert client.get(JOBS, headers=as_header(f"Bearer {secret}")).status_code == 401


def test_who_did_what_comes_from_the_token(client: TestClient, services: Services, log: io.StringIO) -> None:
    client.headers.update(bearer(services, "ada", Role.OPERATOR))
    job = post(client)
    assert job["created_by"] == "ada"
    cancelled = client.post(f"{JOBS}/{job['id']}/cancel", headers=bearer(services, "grace", Role.ADMIN)).json()
    assert cancelled["cancel_requested_by"] == "grace"
    again = client.post(f"{JOBS}/{job['id']}/retry").json()
    assert (again["created_by"], again["retry_of"]) == ("ada", job["id"])
    events = client.get(f"{JOBS}/{job['id']}/events").json()["events"]
    assert [event["actor"] for event in events] == ["grace", "ada"]
    actors = [line["actor"] for line in lines(log) if line["message"] == "request"]
    assert actors == ["ada", "grace", "ada", "ada"]


def test_a_key_belongs_to_who_sent_it(client: TestClient, services: Services) -> None:
    body = {"training_sheet_id": "small", "model_name": "triage"}
    ids = set()
    for name in ("ada", "eve", "ada"):
        headers = {"Idempotency-Key": "monday", **bearer(services, name, Role.OPERATOR)}
        ids.add(client.post(JOBS, json=body, headers=headers).json()["id"])
    assert len(ids) == 2


def test_nothing_of_a_secret_is_logged_or_recorded(client: TestClient, services: Services, log: io.StringIO) -> None:
    secret = token_of(services, "ada", Role.OPERATOR)[1]
    headers = as_header(f"Bearer {secret}")
    job = client.post(JOBS, json={"training_sheet_id": "small", "model_name": "m"}, headers=headers).json()
    answers = [
        client.get(JOBS, headers=as_header(f"Bearer {secret}x")),
        client.get(JOBS, headers=as_header(f"Basic {secret}")),
        client.get(f"{JOBS}/{job['id']}/events", headers=headers),
        client.post("/session", headers=headers),
    ]
    with services.store.begin() as connection:
        stored = connection.execute(
            text(
                "SELECT coalesce(string_agg(e::text, ''), '') || (SELECT string_agg(j::text, '') FROM training_jobs j)"
                " FROM training_job_events e"
            )
        ).scalar_one()
    part = secret[-20:]
    assert part not in log.getvalue()
    assert part not in stored
    assert all(part not in answer.text + str(answer.headers) for answer in answers)


def test_a_database_that_is_away_is_503_and_not_401(client: TestClient, services: Services) -> None:
    headers = bearer(services, "ada", Role.VIEWER)
    engine = services.store.engine
    services.store.engine = create_engine("postgresql+psycopg2://u:s3cr3t@127.0.0.1:1/x")
    answer = client.get(JOBS, headers=headers)
    services.store.engine = engine
    problem(answer, 503, "unavailable")
    assert client.get(JOBS, headers=headers).status_code == 200
