from __future__ import annotations

from fastapi.testclient import TestClient

from training_pipeline.app.container import Services
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.testing.jobs.job_life import API, succeeded
from training_pipeline.testing.sheets.manifests import read_manifest
from training_pipeline_tests.api.test_problems import problem


def test_who_learned_from_a_pair_an_item_an_example_or_a_question(client: TestClient, services: Services) -> None:
    job = succeeded(services)
    assert isinstance(job.data.dataset, DatasetRef)
    rows = read_manifest(job.data.dataset).set_index("pair_id")
    keys = {
        "pair": "p-0003",
        "item": "item-0003",
        "row_hash": rows.row_hash["p-0003"],
        "question_hash": rows.prompt_hash["p-0003"],
    }
    for kind, value in keys.items():
        for also in ({}, {"sheet": "small"}):
            found = client.get(f"{API}/uses", params={kind: value, **also}).json()
            assert (found["kind"], found["value"]) == (kind, value)
            (sheet,) = found["sheets"]
            assert (sheet["training_sheet_id"], sheet["row_count"], sheet["rows"][0]["pair_id"]) == (
                "small",
                1,
                "p-0003",
            )
            (dataset,) = sheet["datasets"]
            assert dataset["digest"] == job.data.dataset_digest
            assert dataset[rows.split["p-0003"]] == 1
            assert dataset["jobs"][0]["job_id"] == job.id
            assert [(one["model_name"], one["model_version"]) for one in found["model_versions"]] == [("triage", "2")]
    refused = client.get(f"{API}/uses", params={"pair": "x"}).json()
    assert refused["sheets"][0]["datasets"][0]["refused"] == {"rejected": 1}
    assert refused["model_versions"] == []
    for kind, value in {"sheet": "small", "template": "triage"}.items():
        whole = client.get(f"{API}/uses", params={kind: value}).json()
        (dataset,) = whole["sheets"][0]["datasets"]
        assert dataset["train"] + dataset["validation"] == 39
        assert dataset["refused"] == {"rejected": 1}


def test_what_is_unknown_or_wrong(client: TestClient, services: Services) -> None:
    succeeded(services)
    found = problem(client.get(f"{API}/uses", params={"pair": "p-00030"}), 404, "not_found")
    assert "p-0003" in found["hint"]
    for params in ({}, {"pair": "a", "item": "b"}, {"row_hash": "x"}, {"pair": "\0"}, {"pair": ""}):
        problem(client.get(f"{API}/uses", params=params), 422, "invalid_request")
