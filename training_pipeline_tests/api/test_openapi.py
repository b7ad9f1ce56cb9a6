from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from training_pipeline.api.app import PREFIX, create_app
from training_pipeline.app.container import Services
from training_pipeline.settings import Settings

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = create_app(Settings()).openapi()
#: The nine of PRODUCT.md, and what stands beside them.
OPERATIONS = {
    ("POST", "/jobs"): "createTrainingJob",
    ("GET", "/jobs"): "listTrainingJobs",
    ("GET", "/jobs/{job_id}"): "getTrainingJob",
    ("POST", "/jobs/{job_id}/poll"): "pollTrainingJob",
    ("POST", "/jobs/{job_id}/cancel"): "cancelTrainingJob",
    ("GET", "/jobs/{job_id}/metrics"): "getTrainingJobMetrics",
    ("GET", "/jobs/{job_id}/events"): "getTrainingJobEvents",
    ("GET", "/jobs/{job_id}/lineage"): "getTrainingJobLineage",
    ("GET", "/jobs/{job_id}/diff/{other_job_id}"): "diffTrainingJobs",
    ("GET", "/jobs/compare"): "compareTrainingJobs",
    ("GET", "/active"): "getActiveTrainingJobs",
    ("POST", "/jobs/{job_id}/retry"): "retryTrainingJob",
    ("GET", "/training-sheets"): "listTrainingSheets",
    ("GET", "/training-sheets/{training_sheet_id}"): "getTrainingSheet",
    ("GET", "/training-sheets/{training_sheet_id}/preview"): "previewTrainingSheet",
    ("GET", "/models"): "listBaseModels",
}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, found in DOCUMENT["paths"].items():
        for method, operation in found.items():
            yield method.upper(), path, operation


def test_the_committed_document_is_what_the_routes_say() -> None:
    script = ROOT / "scripts" / "write_openapi.py"
    done = subprocess.run([sys.executable, str(script), "--check"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_operations_have_their_stable_ids() -> None:
    found = {(method, path): operation["operationId"] for method, path, operation in operations()}
    expected = {(method, PREFIX + path): name for (method, path), name in OPERATIONS.items()}
    assert expected.items() <= found.items()
    assert len(set(found.values())) == len(found)


def test_every_field_and_parameter_is_described_and_has_an_example() -> None:
    silent = []
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for field, found in schema.get("properties", {}).items():
            if not found.get("description"):
                silent.append(f"{name}.{field}: description")
            if not found.get("examples") and "$ref" not in str(found):
                silent.append(f"{name}.{field}: example")
    for method, path, operation in operations():
        assert operation["description"], path
        for parameter in operation.get("parameters", []):
            if not parameter.get("description"):
                silent.append(f"{method} {path} {parameter['name']}: description")
    assert silent == []


def test_errors_are_described_as_problem_documents() -> None:
    for method, path, operation in operations():
        statuses = {int(status) for status in operation["responses"]}
        assert 503 in statuses
        if path.startswith("/api/"):
            assert {401, 403, 429} <= statuses, path
        if method == "POST":
            assert {400, 413, 415, 422} <= statuses, path
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"], (path, status)


def test_the_document_says_where_a_token_is_needed() -> None:
    assert DOCUMENT["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    asked: list[dict[str, list[str]]] = [{"bearer": []}]
    for settings, expected in [(Settings(), [*asked, {}]), (Settings(auth="token"), asked)]:
        for path, found in create_app(settings).openapi()["paths"].items():
            for operation in found.values():
                assert operation.get("security") == (expected if path.startswith("/api/") else None), path
    answers = DOCUMENT["paths"][f"{PREFIX}/jobs"]["get"]["responses"]
    assert list(answers["401"]["headers"]) == ["WWW-Authenticate"]
    assert list(answers["429"]["headers"]) == ["Retry-After"]


def test_everything_under_api_asks_who_is_there() -> None:
    app = create_app(Settings())
    asked: list[str] = []

    def nobody(request: Any) -> Any:
        asked.append(request.url.path)
        raise PermissionError

    app.state.authenticate = nobody
    app.state.services = object()
    client = TestClient(app, raise_server_exceptions=False)  # not started: no services are opened
    body = {"training_sheet_id": "small", "model_name": "triage"}
    for method, template, _ in operations():
        path = template.replace("{job_id}", "x").replace("{training_sheet_id}", "x")
        if path.startswith("/api/"):
            sends: dict[str, Any] = {"json": body} if path.endswith("/jobs") and method == "POST" else {}
            assert client.request(method, path, **sends).status_code == 500
            assert asked.pop() == path


def test_making_an_app_reads_and_writes_nothing(tmp_path: Path) -> None:
    create_app(Settings(state_dir=tmp_path / "none"))
    assert list(tmp_path.iterdir()) == []


def test_makers_of_clients_can_read_it() -> None:
    """No `const`, which some pass over; no two schemas of a title, which names a class; no name of a module."""

    def consts(part: object, path: str) -> Iterator[str]:
        if isinstance(part, dict):
            yield from [path] if "const" in part else []
            for name, value in part.items():
                yield from consts(value, f"{path}/{name}")
        elif isinstance(part, list):
            for place, value in enumerate(part):
                yield from consts(value, f"{path}/{place}")

    assert list(consts(DOCUMENT, "")) == []
    schemas = DOCUMENT["components"]["schemas"]
    titles = [schema.get("title", name) for name, schema in schemas.items()]
    assert {title for title in titles if titles.count(title) > 1} == set()
    assert [name for name in schemas if "__" in name] == []


#: What an installation has to have before it can be named: a job, a suite, a price list.
TO_BE_MADE_FIRST = {"split_predecessor", "suite", "metric", "cost"}


def request_like(schema: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    """What somebody sends who copies the examples of the fields: of all, or of those that are required."""
    fields = (
        schema["properties"].items() if whole else [(name, schema["properties"][name]) for name in schema["required"]]
    )
    return {name: example(field) for name, field in fields if name not in TO_BE_MADE_FIRST}


def example(field: dict[str, Any]) -> Any:
    """The first example of a field, else of the schema that it names."""
    if "examples" in field:
        return field["examples"][0]
    named = next(part["$ref"] for part in field.get("anyOf", [field]) if "$ref" in part)
    schema = DOCUMENT["components"]["schemas"][named.rpartition("/")[2]]
    return schema["example"] if "example" in schema else request_like(schema, whole=True)


def test_examples_are_valid_requests_of_a_default_installation(settings: Settings, default_services: Services) -> None:
    schemas = DOCUMENT["components"]["schemas"]
    with TestClient(create_app(settings, default_services)) as client:
        for path, name in [("jobs", "CreateTrainingJob"), ("studies", "CreateStudy")]:
            schema = schemas[name]
            bodies = [schema["example"], request_like(schema, whole=False), request_like(schema, whole=True)]
            for body in bodies:
                answer = client.post(f"{PREFIX}/{path}?dry_run=true", json=body)
                assert answer.status_code == 200, (name, answer.json().get("errors"))
        config = request_like(schemas["TrainingConfig-Input"], whole=True)
        body = {**schemas["CreateTrainingJob"]["example"], "training_config": config}
        answer = client.post(f"{PREFIX}/jobs?dry_run=true", json=body)
        assert answer.status_code == 200, answer.json()
