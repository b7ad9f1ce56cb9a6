from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine

from training_pipeline.api.app import create_app
from training_pipeline.api.middleware.limits import DEEPEST
from training_pipeline.api.problems import of_pipeline_error
from training_pipeline.app.container import Services
from training_pipeline.domain import errors
from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.errors import FieldProblem, PipelineError, Unavailable
from training_pipeline.schemas.problem import STATUSES
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import API, JOBS, post

GOOD = {"training_sheet_id": "small", "model_name": "triage"}


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The problem document of an answer, after what every one must have was looked at."""
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert (found["status"], found["type"]) == (status, f"urn:training-pipeline:problem:{code}")
    assert found["title"]
    assert found["detail"]
    assert found["request_id"] == answer.headers["X-Request-ID"]
    assert "Traceback" not in answer.text
    return found


def test_everything_that_is_wrong_is_said_at_once(client: TestClient) -> None:
    body = {
        "model_name": "No Such Name",
        "train_val_split": 0.99,
        "register_to_uc": "yes",
        "training_config": {"learning_rate": -1, "epochs": "3", "lerning_rate": 0.1},
        "extra": 1,
    }
    found = problem(client.post(JOBS, json=body), 422, "invalid_request")
    assert {error["pointer"] for error in found["errors"]} == {
        "/training_sheet_id",
        "/model_name",
        "/train_val_split",
        "/register_to_uc",
        "/extra",
        "/training_config/learning_rate",
        "/training_config/epochs",
        "/training_config/lerning_rate",
    }
    assert {error["location"] for error in found["errors"]} == {"body"}
    assert "learning_rate" in found["hint"]


def test_of_very_many_problems_the_first_are_told_and_how_many_more(client: TestClient) -> None:
    unknown = {f"k{number}": "\0" for number in range(30_000)}
    twice = dict.fromkeys([*unknown, *(f"x{number}" for number in range(30_000))], 1)
    for body, code in ((twice, "extra_forbidden"), (unknown, "unstorable_text")):
        for whole in (body, {"training_sheet_id": "small", "model_name": "m", "training_config": body}):
            answer = client.post(JOBS, json=whole)
            problem(answer, 422, "invalid_request")
            errors = answer.json()["errors"]
            assert len(errors) == 101
            assert {error["location"] for error in errors} == {"body"}
            assert code in {error["code"] for error in errors[:100]}
            assert errors[-1]["code"] == "more_problems"
            assert re.fullmatch(r"there are (29|59),90\d more problems, which are not listed", errors[-1]["detail"])


@pytest.mark.parametrize(("body", "pointer"), [([1], ""), ({**GOOD, "a/b~": 1}, "/a~1b~0")])
def test_pointers_are_json_pointers(client: TestClient, body: object, pointer: str) -> None:
    found = problem(client.post(JOBS, json=body), 422, "invalid_request")
    assert [error["pointer"] for error in found["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"{", 400, "malformed"),
        (b"\xff\xfe", 400, "malformed"),
        (b"[" * 100_000, 400, "malformed"),
        *((b'{"a":' * depth + b"1" + b"}" * depth, 400, "malformed") for depth in (DEEPEST + 1, 500, 960, 978, 5000)),
        (b'{"a":' * DEEPEST + b"1" + b"}" * DEEPEST, 422, "invalid_request"),
        (b'{"model_name": ' + b"9" * 5000 + b"}", 400, "malformed"),
        (b"null", 422, "invalid_request"),
        (b"[]", 422, "invalid_request"),
        (b'"text"', 422, "invalid_request"),
        (b'{"training_sheet_id": "a\\u0000b", "model_name": "m"}', 422, "invalid_request"),
        (b'{"training_sheet_id": "a\\ud800b", "model_name": "m"}', 422, "invalid_request"),
        (b'{"\\ud800": 1}', 422, "invalid_request"),
        (b'{"training_sheet_id": "small", "model_name": "m", "train_val_split": NaN}', 422, "invalid_request"),
        (b'{"training_sheet_id": "small", "model_name": "m", "train_val_split": 1e999}', 422, "invalid_request"),
        (b'{"training_sheet_id": "../../etc/passwd", "model_name": "m"}', 404, "not_found"),
        (b" " * (2**20 + 1), 413, "body_too_large"),
    ],
)
def test_hostile_bodies_are_refused(client: TestClient, content: bytes, status: int, code: str) -> None:
    problem(client.post(JOBS, content=content, headers={"Content-Type": "application/json"}), status, code)


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/xml", "x", ";"])
def test_only_json_is_taken(client: TestClient, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    problem(client.post(JOBS, content=b"{}", headers=headers), 415, "unsupported_media_type")
    compressed = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    problem(client.post(JOBS, content=b"{}", headers=compressed), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "path",
    [
        f"{JOBS}/a%00b",
        f"{JOBS}/a b/events",
        f"{JOBS}?page=0",
        f"{JOBS}?page=99999999999999999999",
        f"{JOBS}?page_size=1000000",
        f"{JOBS}?status=none",
        f"{JOBS}?created_by=%00",
        f"{JOBS}?training_sheet_id=%0a",
        f"{JOBS}?cursor=nonsense",
        f"{JOBS}?cursor=",
        f"{JOBS}?page=1&cursor=eyJpZCI6MX0",
        f"{JOBS}/x/events?cursor=eyJpZCI6OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5fQ",
        f"{JOBS}/x/metrics?from_step=-1",
        f"{JOBS}/x/metrics?to_step=4294967296",
        f"{JOBS}/x/metrics?resolution=0",
        f"{JOBS}/x/lineage?pairs=all",
        f"{API}/training-sheets/a%00b",
        f"{API}/training-sheets/small/preview?limit=0",
    ],
)
def test_hostile_queries_are_refused(client: TestClient, path: str) -> None:
    found = problem(client.get(path), 422, "invalid_request")
    assert found["errors"][0]["location"] in {"query", "path"}


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "\x7f"])
def test_keys_must_be_keys(client: TestClient, key: str) -> None:
    found = problem(client.post(JOBS, json=GOOD, headers={"Idempotency-Key": key}), 422, "invalid_request")
    assert (found["errors"][0]["pointer"], found["errors"][0]["location"]) == ("/Idempotency-Key", "header")


def test_paths_and_methods_that_are_not_there(client: TestClient) -> None:
    for path in ("/", "/nothing", f"{JOBS}/", f"{API}/jobs/a/b/c", "/docs"):
        problem(client.get(path), 404, "no_such_path")
    refused = client.delete(JOBS)
    problem(refused, 405, "method_not_allowed")
    assert refused.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    assert client.put(f"{JOBS}/x").headers["Allow"] == "GET, HEAD, OPTIONS, PATCH"
    assert client.request("BREW", JOBS).status_code == 405


def test_head_and_options(client: TestClient) -> None:
    head, get = client.head(f"{API}/models"), client.get(f"{API}/models")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]
    assert client.head(f"{JOBS}/none").status_code == 404
    options = client.options(f"{JOBS}/none/poll")
    assert (options.status_code, options.headers["Allow"]) == (204, "OPTIONS, POST")
    assert client.options("/nothing").status_code == 404
    preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    assert "Access-Control-Allow-Origin" not in client.options(JOBS, headers=preflight).headers


def test_a_broken_sheet_names_its_faults_and_not_its_text(client: TestClient, services: Services) -> None:
    path = services.settings.sheets / "small.jsonl"
    path.write_text('{"pair_id": "secret text\n' + path.read_text())
    found = client.post(JOBS, json=GOOD)
    problem(found, 422, "sheet_unreadable")
    assert "line 1" in found.text
    assert "secret text" not in found.text


def test_what_the_role_does_not_reach_is_403(client: TestClient, services: Services) -> None:
    job = post(client)
    client.app.state.authenticate = lambda _: Caller("eve", Role.VIEWER)  # type: ignore[attr-defined]
    problem(client.post(JOBS, json=GOOD), 403, "forbidden")
    problem(client.post(f"{JOBS}/{job['id']}/cancel"), 403, "forbidden")
    problem(client.post(f"{JOBS}/{job['id']}/retry"), 403, "forbidden")
    assert client.get(JOBS).json()["total"] == 1


def test_a_database_that_is_away_is_503_and_nothing_is_said_of_where_it_is(
    settings: Settings, services: Services
) -> None:
    with TestClient(create_app(settings, services)) as client:
        engine = services.store.engine
        services.store.engine = create_engine("postgresql+psycopg2://u:s3cr3t@127.0.0.1:1/x")
        answers = [client.get(JOBS), client.get(f"{JOBS}/x"), client.post(JOBS, json=GOOD)]
        services.store.engine = engine
    for answer in answers:
        problem(answer, 503, "unavailable")
        assert "s3cr3t" not in answer.text
        assert "127.0.0.1" not in answer.text


def classes() -> list[type[PipelineError]]:
    return [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PipelineError)]


def test_every_error_of_the_domain_has_a_status() -> None:
    named = {kind for kind, _ in STATUSES}
    assert set(classes()) - named == {PipelineError}
    for kind, status in STATUSES:
        error = kind("What.", hint="Do.", problems=[FieldProblem("/a", "b", "c")])
        answer = of_pipeline_error("/x", error)
        assert answer.status_code == status
        assert (b"What." in answer.body) == (kind is not Unavailable)
