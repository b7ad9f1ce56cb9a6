from __future__ import annotations

from pydantic import SecretStr

from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.training_jobs.links import links
from training_pipeline.urls import Urls

TRAINED = new_job(
    id="tj-1",
    launch_run_id="run-1",
    finalize_run_id="run-2",
    mlflow_experiment_id="7",
    mlflow_run_id="abc",
    uc_model_name="ml.models.triage",
    uc_model_version="2",
)


def test_a_job_that_nobody_launched_is_nowhere_else() -> None:
    assert links(new_job(), Urls.of(Settings())) == ()


def test_runs_in_dagster_and_on_a_server_have_a_page_and_those_in_our_database_only_an_id() -> None:
    found = {link.label: (link.name, link.url) for link in links(TRAINED, Urls.of(Settings(webserver_port=3100)))}
    assert found["Dagster launch run"] == ("run-1", "http://127.0.0.1:3100/runs/run-1")
    assert found["Dagster finalize run"] == ("run-2", "http://127.0.0.1:3100/runs/run-2")
    assert "partition=tj-1" in (found["Dagster asset lineage"][1] or "")
    assert found["MLflow run"] == ("abc", None)
    assert found["Registered model"] == ("ml.models.triage version 2", None)


def test_a_job_on_databricks_is_linked_to_its_run_and_its_model_there() -> None:
    run = {"backend_run_id": "42", "backend_run_url": "https://dbc.example/jobs/1/runs/42?o=605"}
    job = TRAINED.model_copy(update={"handles": TRAINED.handles.model_copy(update=run)})
    found = {link.label: (link.name, link.url) for link in links(job, Urls.of(Settings()))}
    assert found["Databricks run"] == ("42", "https://dbc.example/jobs/1/runs/42?o=605")
    assert found["MLflow run"] == ("abc", "https://dbc.example/?o=605#mlflow/experiments/7/runs/abc")
    page = "https://dbc.example/explore/data/models/ml/models/triage/version/2?o=605"
    assert found["Registered model"] == ("ml.models.triage version 2", page)


def test_addresses_that_were_set_are_used_and_credentials_in_one_are_not_shown() -> None:
    elsewhere = Settings(
        auth="token", dagster_url="https://dagster.example.org/", mlflow_tracking_uri=SecretStr("https://ml.example")
    )
    found = {link.label: link.url for link in links(TRAINED, Urls.of(elsewhere))}
    assert found["Dagster launch run"] == "https://dagster.example.org/runs/run-1"
    assert found["MLflow run"] == "https://ml.example/#/experiments/7/runs/abc"
    secret = Settings(mlflow_tracking_uri=SecretStr("https://me:secret@ml.example"))
    assert "secret" not in str(links(TRAINED, Urls.of(secret)))
