from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.utils import databricks_utils

from training_pipeline.databricks.workspace_pages import DatabricksPages
from training_pipeline.domain.job import TrainingJob
from training_pipeline.testing.jobs.jobs import new_job

HOST = "https://adb-605.12.azuredatabricks.net"


def trained(run_url: str | None, **values: str) -> TrainingJob:
    ids = {"mlflow_experiment_id": "7", "mlflow_run_id": "abc"}
    model = {"uc_model_name": "main.ml.triage", "uc_model_version": "3"}
    return new_job(backend_run_url=run_url, **{**ids, **model, **values})


@pytest.mark.parametrize("run_page", [f"{HOST}/?o=605#job/1/run/2", f"{HOST}/jobs/1/runs/2?o=605"])
def test_pages_beside_that_of_a_run_are_addressed_as_mlflow_addresses_them(run_page: str) -> None:
    job = trained(run_page)
    pages = DatabricksPages.of(job)
    assert pages is not None
    version = databricks_utils._construct_databricks_uc_registered_model_url(HOST, "main.ml.triage", "3", "605")
    assert pages.model_version(job) == version
    assert pages.mlflow_run(job) == databricks_utils._construct_databricks_run_url(f"{HOST}/", "7", "abc", "605")


def test_a_workspace_whose_number_is_not_told() -> None:
    job = trained("http://127.0.0.1:5000/jobs/1/runs/2?o=x%20y")
    pages = DatabricksPages.of(job)
    assert pages == DatabricksPages("http://127.0.0.1:5000")
    assert pages.model_version(job) == "http://127.0.0.1:5000/explore/data/models/main/ml/triage/version/3"
    assert pages.mlflow_run(job) == "http://127.0.0.1:5000/#mlflow/experiments/7/runs/abc"


def test_what_a_job_does_not_have_yet_has_no_page() -> None:
    begun = new_job(backend_run_url=f"{HOST}/jobs/1/runs/2")
    pages = DatabricksPages.of(begun)
    assert pages is not None
    assert pages.mlflow_run(begun) is None
    assert pages.model_version(begun) is None


@pytest.mark.parametrize(
    "no_page", [None, "", "javascript:alert(1)", "https://me:secret@host/?o=1", "/jobs/1", "https://[", "ftp://host/"]
)
def test_what_is_no_page_of_a_workspace_leads_nowhere(no_page: str | None) -> None:
    assert DatabricksPages.of(trained(no_page)) is None


@given(st.text(), st.text(min_size=1), st.text(min_size=1))
def test_whatever_a_model_is_called_its_page_stays_in_the_workspace(path: str, name: str, version: str) -> None:
    job = trained(f"https://host.example/{path}?o=605", uc_model_name=name, uc_model_version=version)
    pages = DatabricksPages.of(job)
    if pages is not None:
        page = pages.model_version(job)
        assert page is not None
        assert page.startswith("https://host.example/explore/data/models/")
        assert set(page) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%/:?=")
