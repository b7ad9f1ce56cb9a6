from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from training_pipeline.app.container import Services
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.testing.jobs.job_life import API, succeeded
from training_pipeline.testing.sheets.manifests import read_manifest
from training_pipeline.tracking.mlflow import Tracking
from training_pipeline_tests.api.test_problems import problem

VERSIONS = f"{API}/model-versions"
ONE = f"{VERSIONS}/triage/2"
URL = "https://models.example.org/triage"


@pytest.fixture
def job(services: Services) -> TrainingJob:
    return succeeded(services)


def registry(services: Services) -> Tracking:
    """MLflow, with the versions 1 and 2 of the model."""
    tracking = services.tracking
    assert isinstance(tracking, Tracking)
    tracking.client.create_registered_model("triage")
    for _ in range(2):
        tracking.client.create_model_version("triage", "file:///nowhere")
    return tracking


def test_versions_are_listed_filtered_and_paged(client: TestClient, services: Services, job: TrainingJob) -> None:
    older = job
    job = succeeded(services)  # registered as version 2 again: the registry was made anew
    found = client.get(VERSIONS).json()
    assert [one["job_id"] for one in found["model_versions"]] == [job.id, older.id]
    assert (found["total"], found["page"], found["next_cursor"], found["aliases_unavailable"]) == (2, 1, None, None)
    first = client.get(VERSIONS, params={"page_size": 1}).json()
    assert [one["job_id"] for one in first["model_versions"]] == [job.id]
    assert client.get(VERSIONS, params={"page_size": 1, "page": 2}).json()["model_versions"][0]["job_id"] == older.id
    rest = client.get(VERSIONS, params={"page_size": 1, "cursor": first["next_cursor"]}).json()
    assert [one["job_id"] for one in rest["model_versions"]] == [older.id]
    assert (rest["total"], rest["next_cursor"]) == (2, None)
    for params, total in (
        ({"name": "triage"}, 2),
        ({"name": "triag"}, 0),
        ({"sheet": "small"}, 2),
        ({"sheet": "invoices"}, 2),
        ({"sheet": "other"}, 0),
        ({"state": "registered", "name": "triage"}, 2),
        ({"state": "tainted"}, 0),
        ({"alias": "champion"}, 0),
    ):
        assert client.get(VERSIONS, params=params).json()["total"] == total, params
    registry(services).client.set_registered_model_alias("triage", "champion", "2")
    named = client.get(VERSIONS, params={"alias": "champion"}).json()
    assert [one["aliases"] for one in named["model_versions"]] == [["champion"], ["champion"]]
    for wrong in ({"state": "x"}, {"page": 1, "cursor": first["next_cursor"]}, {"cursor": "x"}, {"page_size": 0}):
        problem(client.get(VERSIONS, params=wrong), 422, "invalid_request")


def test_everything_about_one(client: TestClient, services: Services, job: TrainingJob) -> None:
    tracking = registry(services)
    tracking.client.set_registered_model_alias("triage", "champion", "1")
    tracking.client.set_registered_model_alias("triage", "next", "2")
    found = client.get(ONE).json()
    assert isinstance(job.data.dataset, DatasetRef)
    included = read_manifest(job.data.dataset).query("split == split")
    assert found["approvals"] == {
        "pairs": len(included),
        "reviewed_by": [{"name": "grace", "pairs": len(included)}],
        "reviewed_missing": 0,
        "constraints_set_by": [{"name": "sam", "pairs": len(included)}],
        "constraints_missing": 0,
    }
    assert (found["job_id"], found["dataset_digest"], found["state"]) == (job.id, job.data.dataset_digest, "registered")
    assert found["train_pairs"] + found["validation_pairs"] == len(included)
    assert (found["aliases"], [use["alias"] for use in found["alias_uses"]]) == (["next"], ["next"])
    assert (found["sheet_id"], found["template_id"], found["template_version"]) == ("invoices", "triage", "v2")
    assert (found["ancestors"], found["descendants"], found["endpoints"]) == ([], [], [])
    assert [file["path"] for file in found["files"]] == ["model.safetensors"]
    assert (found["location"], found["snippet"]) == (None, None)
    assert job.id in found["location_problem"]

    tracking.client.delete_registered_model_alias("triage", "next")
    moved = client.get(ONE).json()
    assert moved["aliases"] == []
    assert moved["alias_uses"][0]["until"] > moved["alias_uses"][0]["since"]

    job.data.dataset.manifest_file.unlink()
    lost = client.get(ONE).json()
    assert lost["approvals"] is None
    assert "it is gone" in lost["manifest_problem"]


def test_where_it_is_served(client: TestClient, job: TrainingJob) -> None:
    assert client.post(f"{ONE}/endpoints", json={"url": URL}).json()["endpoints"][0]["url"] == URL
    assert client.get(ONE).json()["endpoints"][0]["until"] is None
    removed = client.delete(f"{ONE}/endpoints", params={"url": URL}).json()["endpoints"]
    assert removed[0]["until"] is not None
    problem(client.delete(f"{ONE}/endpoints", params={"url": URL}), 404, "not_found")
    problem(client.post(f"{VERSIONS}/triage/9/endpoints", json={"url": URL}), 404, "not_found")
    for body in ({"url": "x"}, {"url": 1}, {}, {"url": URL, "more": 1}):
        problem(client.post(f"{ONE}/endpoints", json=body), 422, "invalid_request")


def test_whether_it_is_clean_is_told_check_by_check(client: TestClient, job: TrainingJob) -> None:
    found = client.post(f"{ONE}/verify").json()
    assert (found["name"], found["version"], found["verdict"]) == ("triage", "2", "unknown")
    outcomes = {check["name"]: check["outcome"] for check in found["checks"]}
    assert outcomes == {
        "state": "pass",
        "rows": "pass",
        "base_model": "pass",
        "dataset": "pass",
        "files": "unknown",
        "dagster": "unknown",
        "mlflow": "unknown",
    }
    assert all(check["message"].endswith(".") for check in found["checks"])


def test_what_is_unknown_is_answered_with_the_nearest(client: TestClient, job: TrainingJob) -> None:
    assert "Nearest: triage" in problem(client.get(f"{VERSIONS}/triag/2"), 404, "not_found")["hint"]
    assert "Nearest: 2" in problem(client.get(f"{VERSIONS}/triage/3"), 404, "not_found")["hint"]
    problem(client.post(f"{VERSIONS}/main.ml.other/3/verify"), 404, "not_found")
