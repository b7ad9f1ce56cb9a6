"""Where the links lead."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from training_pipeline.settings import Settings
from training_pipeline.training_jobs.addresses import Addresses, address
from training_pipeline_tests.training_jobs.jobs import new_job


@pytest.mark.parametrize(
    ("host", "found"),
    [("127.0.0.1", "127.0.0.1:1"), ("0.0.0.0", "127.0.0.1:1"), ("::", "[::1]:1"), ("host.example", "host.example:1")],
)
def test_the_address_for_a_browser(host: str, found: str) -> None:
    assert address(host, 1) == f"http://{found}"


def test_links_lead_where_people_reach_the_pages(tmp_path: Path) -> None:
    local = Addresses.of(Settings(state_dir=tmp_path, webserver_port=3100))
    assert local.run("r1") == "http://127.0.0.1:3100/runs/r1"
    assert local.job("tj-1") == "http://127.0.0.1:8000/train/jobs/tj-1"
    outside = Addresses.of(
        Settings(state_dir=tmp_path, dagster_url="https://dagster.example/", api_public_url="https://x.example")
    )
    model = outside.asset("fine_tuned_model", "tj-1")
    assert model == "https://dagster.example/assets/fine_tuned_model?view=partitions&partition=tj-1"
    assert outside.job("tj-1") == "https://x.example/train/jobs/tj-1"


@pytest.mark.parametrize("uri", [None, "postgresql://u:secret@db/mlflow", "https://user:secret@mlflow"])
def test_no_link_leads_to_a_database_or_holds_a_password(uri: str | None, tmp_path: Path) -> None:
    secret = None if uri is None else SecretStr(uri)
    links = Addresses.of(Settings(state_dir=tmp_path, mlflow_tracking_uri=secret))
    job = new_job(mlflow_run_id="r", mlflow_experiment_id="1")
    assert links.mlflow_run(job) is None
    assert links.mlflow_version("m", "1") is None


def test_mlflow_pages_are_linked_where_there_are_some(tmp_path: Path) -> None:
    links = Addresses.of(Settings(state_dir=tmp_path, mlflow_tracking_uri=SecretStr("https://mlflow.example/")))
    job = new_job(mlflow_run_id="r", mlflow_experiment_id="1")
    assert links.mlflow_run(job) == "https://mlflow.example/#/experiments/1/runs/r"
    assert links.mlflow_run(new_job()) is None
    assert links.mlflow_version("m", "2") == "https://mlflow.example/#/models/m/versions/2"
