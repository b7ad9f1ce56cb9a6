from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from training_pipeline.app.container import Services, assemble
from training_pipeline.backends.run_state import RunState
from training_pipeline.domain.errors import BackendDenied, BackendFailed, BackendUnreachable, PipelineError, Unavailable
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.domain.lineage import BaseModelRecord
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import prepared
from training_pipeline.testing.jobs.jobs import ScriptedBackend, a_result, new_job, point
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.tracking.mlflow import Tracking
from training_pipeline.training_jobs.lifecycle.finalize import Finalizer, file_problems, files_looked_at
from training_pipeline.training_jobs.lifecycle.registration import Registration
from training_pipeline.training_jobs.polling.metrics_sync import NOT_FINITE_CODE, warnings_of
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.events import EventType
from training_pipeline.training_jobs.store.jobs import JobStore


class Registry:
    """MLflow as far as finishing asks for it; `refuses` is what it says to a grant."""

    def __init__(self, refuses: Exception | None = None) -> None:
        self.refuses = refuses
        self.runs: list[str] = []
        self.versions: set[str] = set()

    def start_run(self, job_id: str, **_: object) -> tuple[None, None]:
        return None, None

    def tag_run(self, run_id: str, tags: Mapping[str, str]) -> None:
        self.runs.append(run_id)

    def register(self, model_name: str, **_: object) -> str:
        return "3"

    def has_version(self, model_name: str, version: str) -> bool:
        return version in self.versions

    def end_run(self, run_id: str, status: str) -> None:
        self.runs.append(run_id)

    def share(self, model_name: str) -> None:
        if self.refuses is not None:
            raise self.refuses


@pytest.fixture
def services(settings: Settings, database: Database, backend: ScriptedBackend) -> Iterator[Services]:
    write_sheet(settings.sheets, "small", rows(40))
    parts = assemble(settings, database, backend=backend)
    yield parts
    parts.store.engine.dispose()


def finalizer_of(services: Services, registry: Registry) -> Finalizer:
    tracking: Any = registry
    registration = Registration(services.store, services.backend, tracking, services.revocations)
    return Finalizer(services.store, services.backend, tracking, services.permission, registration, lambda *_: None)


def trained(services: Services, **values: Any) -> TrainingJob:
    job = services.jobs.create({"training_sheet_id": "small", "model_name": "triage"}, created_by="ada")
    prepared(services, job.id)
    services.store.update(job.id, {"backend_status": JobStatus.SUCCEEDED, **values})
    return services.store.get(job.id)


@pytest.mark.parametrize("refused", [BackendFailed("Nobody of that name."), BackendDenied("No MANAGE.")])
def test_a_grant_that_is_refused_is_told_once_and_the_version_stands(
    services: Services, refused: PipelineError, tmp_path: Path
) -> None:
    job = trained(services, mlflow_run_id="run-1")
    for error in (refused, BackendDenied("Still no MANAGE.")):
        done = finalizer_of(services, Registry(error)).register(job, a_result(tmp_path))
        assert done.result.uc_model_version == "3"
        assert lineage.read(services.store, job.id).model_version == "3"
        assert [one.message for one in services.store.events(job.id, limit=2)[0]] == [
            f"Warning: triage could not be granted to others: {refused.message}",
            "Registered triage version 3.",
        ]


@pytest.mark.parametrize("recorded", [None, {"config.json": "a" * 64}])
def test_files_of_a_base_model_that_only_the_training_read_are_put_on_record(
    services: Services, tmp_path: Path, recorded: dict[str, str] | None
) -> None:
    job = trained(services, mlflow_run_id="run-1")
    base = BaseModelRecord(reference="owner/model", revision="c0ffee", files=recorded)
    lineage.set_base_model(services.store, job.id, base)
    read = {"config.json": "b" * 64}
    finalizer_of(services, Registry()).register(job, a_result(tmp_path, base_model_files=read))
    found = lineage.read(services.store, job.id).base_model
    assert found == base.model_copy(update={"files": recorded or read}), "what is on record stays, and is compared"


def test_a_grant_that_nobody_answers_is_tried_again_and_the_version_is_on_record(
    services: Services, tmp_path: Path
) -> None:
    job = trained(services, mlflow_run_id="run-1")
    for _ in range(3):
        with pytest.raises(BackendUnreachable):
            finalizer_of(services, Registry(BackendUnreachable("No answer."))).register(job, a_result(tmp_path))
        assert services.store.get(job.id).result.uc_model_version == "3"
    told = [one.message for one in services.store.events(job.id, limit=100)[0]]
    assert told.count("Registered triage version 3.") == 1


def test_an_mlflow_run_that_was_not_known_when_the_training_ended_is_asked_for_again(
    services: Services, backend: ScriptedBackend, tmp_path: Path
) -> None:
    job, registry = trained(services), Registry()
    finalizer, backend.outcome = finalizer_of(services, registry), a_result(tmp_path)
    backend.state = RunState(status=JobStatus.SUCCEEDED)
    finalizer.store_metrics(job)
    with pytest.raises(Unavailable, match="no MLflow run"):
        finalizer.register(services.store.get(job.id), a_result(tmp_path))
    backend.state = RunState(status=JobStatus.SUCCEEDED, mlflow_run_id="run-1", mlflow_experiment_id="e-1")
    finalizer.store_metrics(services.store.get(job.id))
    assert services.store.get(job.id).handles.mlflow_experiment_id == "e-1"
    assert finalizer.register(services.store.get(job.id), a_result(tmp_path)).result.uc_model_version == "3"
    assert set(registry.runs) == {"run-1"}


def test_a_version_that_the_registry_does_not_show_yet_is_no_disagreement(services: Services, tmp_path: Path) -> None:
    registry, result = Registry(), a_result(tmp_path / "a volume that is not mounted here")
    finalizer = finalizer_of(services, registry)
    job = finalizer.register(trained(services, mlflow_run_id="run-1", backend="databricks"), result)
    with pytest.raises(Unavailable, match="The registry does not show version 3 of triage") as error:
        finalizer.model_problems(job, result)
    assert error.type is Unavailable  # by which no trained job ever fails
    registry.versions.add("3")
    assert finalizer.model_problems(job, result) == []


@pytest.mark.parametrize("here", [True, False])
def test_a_model_without_files_is_none_wherever_it_was_trained(here: bool, tmp_path: Path) -> None:
    for model_dir in (tmp_path, tmp_path / "elsewhere", Path("models:/main.ml.triage/1")):
        assert file_problems(a_result(model_dir, model_files={}), here=here) == ["the trainer listed no files"]


def test_files_that_nobody_read_are_not_told_as_checked(tmp_path: Path) -> None:
    elsewhere = a_result(Path("models:/main.ml.triage/1"))
    assert file_problems(elsewhere, here=False) == []
    assert files_looked_at(elsewhere) == "1 recorded by the trainer, not readable from here"
    assert files_looked_at(a_result(tmp_path)) == "1 checked"


def test_values_that_are_no_number_are_counted_by_code_and_in_old_events_by_their_sentence(
    store: JobStore, backend: ScriptedBackend, tmp_path: Path
) -> None:
    job, other = (store.create(new_job(), message="Created.") for _ in range(2))
    tracking = Tracking(SecretStr("sqlite://"), experiment="none", artifacts=tmp_path)  # it is never asked
    never: Any = None  # nothing is asked or told here
    finalizer = Finalizer(store, backend, tracking, never, never, never)
    store.record(
        job.id, EventType.METRIC_UPDATE, "Checked: every loss is a finite number, none is not a finite", data={}
    )
    store.record(job.id, EventType.INFO, "not a finite number, says a note")
    store.record(job.id, EventType.METRIC_UPDATE, "not a finite number", data={"code": "something_else"})
    assert finalizer.not_finite(job) == 0
    (warning,) = warnings_of([point("val_loss_not_finite", 3, 1.0)])
    assert warning.data == {"code": NOT_FINITE_CODE, "metric": "val_loss", "step": 3}
    store.record(job.id, warning.type, "In other words.", data=warning.data)
    assert finalizer.not_finite(job) == 1
    store.record(job.id, EventType.METRIC_UPDATE, "Warning: train_loss is not a finite number at step 2.")
    assert finalizer.not_finite(job) == 2
    assert finalizer.not_finite(other) == 0
