"""Is it still clean? Asked of a version that a real job registered, and again after each thing that may go wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import text

from training_pipeline.app.container import Services
from training_pipeline.backends.results import TrainingResult
from training_pipeline.defs.provenance import asset_records, input_versions
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.model_version import Outcome, Standing, VersionState
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.models.versions.aliases import Aliases
from training_pipeline.models.versions.dagster_record import materialized
from training_pipeline.models.versions.versions import ModelVersions
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.dagster_runs import create, finish, launch
from training_pipeline.tracking.mlflow import Tracking
from training_pipeline.training_jobs.polling.permission import Permission
from training_pipeline.training_jobs.store import lineage

ALL = ("state", "rows", "base_model", "dataset", "files", "dagster", "mlflow")


@pytest.fixture
def job(services: Services, definitions: dg.Definitions, instance: dg.DagsterInstance) -> TrainingJob:
    made = create(services)
    assert launch(services, definitions, instance, made).success
    assert finish(services, definitions, instance, made).success
    return services.store.get(made.id)


class Looked:
    """What `verify` finds, as the checks that did not pass."""

    def __init__(self, versions: ModelVersions) -> None:
        self.versions = versions

    def __call__(self) -> dict[str, tuple[Outcome, str]]:
        found = self.versions.verify("triage", "1")
        assert [check.name for check in found] == list(ALL)
        return {check.name: (check.outcome, check.message) for check in found if check.outcome is not Outcome.PASS}

    def only(self, name: str, outcome: Outcome, *words: str) -> None:
        (found,) = self().items()
        assert (found[0], found[1][0]) == (name, outcome)
        assert all(word in found[1][1] for word in words), found


def changed(path: Path, content: bytes) -> Callable[[], object]:
    """Write a file; what is returned writes it back."""
    before = path.read_bytes()
    path.write_bytes(content)
    return lambda: path.write_bytes(before)


def test_each_thing_that_goes_wrong_is_found_and_nothing_else(
    services: Services, instance: dg.DagsterInstance, job: TrainingJob
) -> None:
    looked = Looked(services.versions)
    assert looked() == {}
    result = services.backend.result(job.id, job.attempt)
    assert result.model_dir is not None

    record = lineage.read(services.store, job.id)
    found = materialized(services.store, job.id, record.assets)
    assert found.records == asset_records(instance, map(dg.AssetKey, record.assets), job.id)
    assert found.inputs == input_versions(instance, dg.AssetKey("training_sheet"), job.id) != {}

    _of_rows(services, looked)
    _of_files(services, looked, job, result)
    _of_records(services, looked, instance, job)
    _of_standings(services, looked, job)


def _of_rows(services: Services, looked: Looked) -> None:
    sheets = services.settings.sheets
    write_sheet(sheets, "small", [*rows(39), *rows(40, prohibited_uses=["training"])[39:]])
    looked.only("rows", Outcome.FAIL, "1 training_prohibited", "p-0039")
    edited = [
        *rows(39),
        *rows(40, messages=[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}])[39:],
    ]
    write_sheet(sheets, "small", edited)
    assert looked() == {}  # what was trained on was approved, and nobody took that back
    (sheets / "small.jsonl").write_text("no JSON")
    looked.only("rows", Outcome.UNKNOWN, "cannot be read")
    (sheets / "small.yaml").unlink()
    looked.only("rows", Outcome.FAIL, "there is no training sheet")
    write_sheet(sheets, "small", rows(40))
    assert looked() == {}


def _of_files(services: Services, looked: Looked, job: TrainingJob, result: TrainingResult) -> None:
    assert isinstance(job.data.dataset, DatasetRef)
    assert result.model_dir is not None
    name = next(iter(result.model_files))
    back = changed(result.model_dir / name, b"something else")
    looked.only("files", Outcome.FAIL, f"{name} is not what was registered")
    back()
    stray = result.model_dir / "modeling.py"
    stray.write_text("import os")
    looked.only("files", Outcome.FAIL, "modeling.py is not on record")
    stray.unlink()
    (result.model_dir / name).rename(result.model_dir.parent / "aside")
    looked.only("files", Outcome.FAIL, name)
    (result.model_dir.parent / "aside").rename(result.model_dir / name)
    back = changed(job.data.dataset.train_file, b"{}\n")
    looked.only("dataset", Outcome.FAIL, "train.jsonl")
    back()
    back = changed(job.data.dataset.manifest_file, b"no Parquet")
    found = looked()
    outcomes = {name: outcome for name, (outcome, _) in found.items()}
    assert outcomes == {"dataset": Outcome.FAIL, "rows": Outcome.UNKNOWN}, found
    assert "manifest that names them is gone or damaged" in found["rows"][1]
    back()
    assert looked() == {}


def _of_records(services: Services, looked: Looked, instance: dg.DagsterInstance, job: TrainingJob) -> None:
    assert isinstance(services.tracking, Tracking)
    run_id = job.handles.mlflow_run_id
    assert run_id is not None
    services.tracking.tag_run(run_id, {"training_pipeline.dataset_digest": "another"})
    looked.only("mlflow", Outcome.FAIL, "dataset", "another")
    services.tracking.tag_run(run_id, {"training_pipeline.dataset_digest": job.data.dataset_digest or ""})
    services.tracking.client.delete_model_version("triage", "1")
    looked.only("mlflow", Outcome.FAIL, "no version 1 of triage")
    with services.store.begin() as connection:
        connection.execute(text("UPDATE mlflow.model_versions SET current_stage = 'None'"))
    assert looked() == {}
    again = {"dagster/data_version": "another"}
    event = dg.AssetMaterialization("train_split", partition=job.id, tags=again)
    instance.report_runless_asset_event(event)
    looked.only("dagster", Outcome.FAIL, "train_split", "another")
    with services.store.begin() as connection:
        connection.execute(text("DELETE FROM dagster.event_logs WHERE partition = :id"), {"id": job.id})
    looked.only("dagster", Outcome.UNKNOWN, "has nothing of this training job")


def _of_standings(services: Services, looked: Looked, job: TrainingJob) -> None:
    standing = Standing(state=VersionState.TAINTED, reasons=("Pair p-0003 lost its permission.",))
    permission = Permission(services.source, services.policy, services.revocations)
    tainted = ModelVersions(
        services.store,
        permission,
        services.backend,
        services.tracking,
        aliases=Aliases(services.store, services.tracking),
        standings=lambda ids: dict.fromkeys(ids, standing),
    )
    found = Looked(tainted)()
    assert found["state"] == (Outcome.FAIL, "It is tainted: Pair p-0003 lost its permission.")
    assert tainted.list(limit=9, state=VersionState.TAINTED).total == 1
    assert tainted.list(limit=9, state=VersionState.REGISTERED).total == 0
    record = lineage.read(services.store, job.id)
    assert record.base_model is not None
    unknown = record.base_model.model_copy(update={"ancestors": None})
    lineage.set_base_model(services.store, job.id, unknown)
    assert looked()["base_model"][0] is Outcome.UNKNOWN
