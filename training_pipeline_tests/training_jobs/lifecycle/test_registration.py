from __future__ import annotations

from typing import Any

import pytest

from training_pipeline.backends.base import FineTuningBackend
from training_pipeline.backends.run_state import RunState
from training_pipeline.domain.errors import BackendDenied, NotFound, PipelineError, Unavailable
from training_pipeline.domain.job import JobStatus
from training_pipeline.testing.jobs.jobs import ScriptedBackend, new_job
from training_pipeline.training_jobs.lifecycle.registration import Registration
from training_pipeline.training_jobs.store.jobs import JobStore


class Registry:
    """A registry that says one thing, and counts how often it is asked."""

    def __init__(self, says: str | Exception | None, *, runs_register: bool = False) -> None:
        self.says = says
        self.runs_register = runs_register
        self.asked: list[tuple[str, str, str]] = []

    def registered_version(self, model_name: str, *, job_id: str, run_id: str) -> str | None:
        self.asked.append((model_name, job_id, run_id))
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


def registration(store: JobStore, registry: Registry, backend: FineTuningBackend | None = None) -> Registration:
    tracking: Any = registry
    return Registration(store, backend or ScriptedBackend(), tracking, tracking)


def test_a_run_that_registers_by_itself_is_asked_for_before_the_registry_is(store: JobStore) -> None:
    registry, backend = Registry("3", runs_register=True), ScriptedBackend()
    asking = registration(store, registry, backend)
    job = store.create(new_job(), message="Created.")
    for state in (RunState(status=JobStatus.SUCCEEDED), NotFound("no such run")):
        backend.state = state
        with pytest.raises(Unavailable, match="does not say which MLflow run"):
            asking.found(job)
    assert registry.asked == []
    backend.state = RunState(status=JobStatus.SUCCEEDED, mlflow_run_id="r", mlflow_experiment_id="e")
    assert asking.found(job) == "3"
    assert registry.asked == [("triage", job.id, "r")]
    assert store.get(job.id).handles.mlflow_experiment_id == "e"
    backend.state = RunState(status=JobStatus.SUCCEEDED)
    assert asking.found(store.get(job.id)) == "3", "what is known is not asked again"


@pytest.mark.parametrize(
    ("values", "version"),
    [
        ({"uc_model_version": "7", "mlflow_run_id": "r"}, "7"),
        ({"register_to_uc": False, "mlflow_run_id": "r"}, None),
        ({}, None),
    ],
    ids=["on record", "kept as an artifact", "no run to register from"],
)
def test_nobody_is_asked_where_the_answer_is_known(
    values: dict[str, Any], version: str | None, store: JobStore
) -> None:
    registry = Registry("1")
    assert registration(store, registry).found(new_job(**values)) == version
    assert registry.asked == []


@pytest.mark.parametrize("says", ["3", None])
def test_the_registry_is_asked_by_the_name_that_is_registered(says: str | None, store: JobStore) -> None:
    registry, job = Registry(says), new_job(mlflow_run_id="r", uc_catalog="main", uc_schema="ml")
    assert registration(store, registry).found(job) == says
    assert registry.asked == [("main.ml.triage", job.id, "r")]


@pytest.mark.parametrize(
    ("error", "raised"), [(ConnectionError("me:secret@host"), Unavailable), (BackendDenied("No."), BackendDenied)]
)
def test_a_registry_that_does_not_say_is_an_error(
    error: Exception, raised: type[PipelineError], store: JobStore
) -> None:
    with pytest.raises(raised) as caught:
        registration(store, Registry(error)).found(new_job(mlflow_run_id="r"))
    assert "secret" not in str(caught.value)
