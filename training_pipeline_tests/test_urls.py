"""Where the links lead."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.urls import Urls, server_url


@pytest.mark.parametrize(
    ("host", "found"),
    [("127.0.0.1", "127.0.0.1:1"), ("0.0.0.0", "127.0.0.1:1"), ("::", "[::1]:1"), ("host.example", "host.example:1")],
)
def test_the_address_for_a_browser(host: str, found: str) -> None:
    assert server_url(host, 1) == f"http://{found}"


def test_links_lead_where_people_reach_the_pages(tmp_path: Path) -> None:
    local = Urls.of(Settings(state_dir=tmp_path, webserver_port=3100))
    assert local.run("r1") == "http://127.0.0.1:3100/runs/r1"
    assert local.job("tj-1") == "http://127.0.0.1:8000/train/jobs/tj-1"
    outside = Urls.of(
        Settings(
            state_dir=tmp_path, auth="token", dagster_url="https://dagster.example/", api_public_url="https://x.example"
        )
    )
    model = outside.asset("fine_tuned_model", "tj-1")
    assert model == "https://dagster.example/assets/fine_tuned_model?view=partitions&partition=tj-1"
    assert outside.job("tj-1") == "https://x.example/train/jobs/tj-1"


@pytest.mark.parametrize("uri", [None, "postgresql://u:secret@db/mlflow", "https://user:secret@mlflow"])
def test_no_link_leads_to_a_database_or_holds_a_password(uri: str | None, tmp_path: Path) -> None:
    secret = None if uri is None else SecretStr(uri)
    links = Urls.of(Settings(state_dir=tmp_path, mlflow_tracking_uri=secret))
    job = new_job(mlflow_run_id="r", mlflow_experiment_id="1")
    assert links.mlflow_run(job) is None
    assert links.model_version(new_job(uc_model_name="m", uc_model_version="1")) is None


def test_mlflow_pages_may_stand_elsewhere_than_its_records(tmp_path: Path) -> None:
    for uri in (None, SecretStr("postgresql://u:secret@db/mlflow"), SecretStr("https://user:secret@mlflow")):
        settings = Settings(state_dir=tmp_path, mlflow_tracking_uri=uri, mlflow_url="http://127.0.0.1:5000/")
        job = new_job(mlflow_run_id="r", mlflow_experiment_id="1")
        assert Urls.of(settings).mlflow_run(job) == "http://127.0.0.1:5000/#/experiments/1/runs/r"


def test_mlflow_pages_are_linked_where_there_are_some(tmp_path: Path) -> None:
    links = Urls.of(Settings(state_dir=tmp_path, mlflow_tracking_uri=SecretStr("https://mlflow.example/")))
    job = new_job(mlflow_run_id="r", mlflow_experiment_id="1")
    assert links.mlflow_run(job) == "https://mlflow.example/#/experiments/1/runs/r"
    assert links.mlflow_run(new_job()) is None
    registered = new_job(uc_model_name="m", uc_model_version="2")
    assert links.model_version(registered) == "https://mlflow.example/#/models/m/versions/2"
    assert links.model_version(new_job()) is None


def test_what_a_job_left_on_databricks_is_linked_there_wherever_mlflow_is_here(tmp_path: Path) -> None:
    links = Urls.of(Settings(state_dir=tmp_path, mlflow_tracking_uri=SecretStr("https://mlflow.example/")))
    left = {"mlflow_run_id": "r", "mlflow_experiment_id": "1", "uc_model_name": "a.b.m", "uc_model_version": "2"}
    job = new_job(backend_run_url="https://dbc.example/jobs/1/runs/2?o=605", **left)
    assert links.mlflow_run(job) == "https://dbc.example/?o=605#mlflow/experiments/1/runs/r"
    assert links.model_version(job) == "https://dbc.example/explore/data/models/a/b/m/version/2?o=605"
