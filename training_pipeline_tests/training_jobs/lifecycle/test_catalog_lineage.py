"""Lineage in Unity Catalog: written once, whatever goes wrong, and nothing secret in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.domain.lineage import LineageRecord
from training_pipeline.domain.refs import LabelsRef, SheetRef
from training_pipeline.domain.training_sheet import Reference, SheetStatus, TrainingSheet
from training_pipeline.testing.databricks.sheet_tables import PAIRS, SOURCE, connection
from training_pipeline.testing.databricks_workspace.app import serve
from training_pipeline.testing.databricks_workspace.faults import FaultKind
from training_pipeline.testing.databricks_workspace.lineage import lineage
from training_pipeline.testing.databricks_workspace.state import Workspace
from training_pipeline.testing.databricks_workspace.tables import tables
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.training_jobs.lifecycle.catalog_lineage import PAUSE_SECONDS, CatalogLineage
from training_pipeline.training_jobs.store import lineage as records
from training_pipeline.training_jobs.store.jobs import JobStore

CALLS = ("external-metadata-create", "external-lineage-create")


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with serve(tmp_path) as served:
        served.faults.slow_seconds = 2.5
        for name in (PAIRS, SOURCE):
            tables(served).put(name, pa.table({"x": [1]}))
        yield served


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def succeeded(store: JobStore, *, names: tuple[str, ...] = (SOURCE, PAIRS), **values: Any) -> TrainingJob:
    given = {"backend": "databricks", "uc_model_name": "main.models.triage", "uc_model_version": "3", **values}
    head = TrainingSheet(
        id="sheet-123",
        name="Patients of ward 7",
        status=SheetStatus.APPROVED,
        source_sheet=Reference(id="source"),
        prompt_template=Reference(id="template"),
        metadata={"tables": list(names)} if names else {},
    )
    sheet = SheetRef(sheet=head, digest="d", labels=LabelsRef(count=0, digest="l"))
    facts = {"status": JobStatus.SUCCEEDED, "finalized_at": datetime.now(UTC), "sheet": sheet, "train_pairs": 400}
    job = store.create(new_job(**{**facts, **given}), message="Created.")
    record: dict[str, Any] = {
        **dict.fromkeys(LineageRecord.model_fields, "x"),
        "job_id": job.id,
        "training_sheet_name": "Patients of ward 7",
        "assets": {},
        "model_files": None,
        "base_model": None,
        "recipe": None,
    }
    records.write(store, LineageRecord(**record))
    return store.get(job.id)


def expected(job: TrainingJob) -> set[tuple[str, str]]:
    middle = f"external_metadata:training_pipeline_{job.id}"
    ends = {(f"table:{SOURCE}", middle), (f"table:{PAIRS}", middle)}
    return ends | {(middle, "model_version:main.models.triage@3")}


def marks(store: JobStore, job: TrainingJob) -> list[str]:
    events, _ = store.events(job.id, newest_first=False)
    return [
        event.data["unity_catalog_lineage"] for event in events if event.data and "unity_catalog_lineage" in event.data
    ]


def test_tables_lead_to_the_job_and_the_job_to_the_model_version(store: JobStore, workspace: Workspace) -> None:
    job = succeeded(store)
    writer = CatalogLineage(store, connection(workspace))
    assert writer.write_due() == 1
    assert lineage(workspace).edges() == expected(job)
    assert marks(store, job) == ["written"]
    assert writer.write_due() == 0
    assert "Patients" not in json.dumps([lineage(workspace).metadata, lineage(workspace).relationships])


def test_what_has_no_tables_or_is_not_done_is_left_alone(store: JobStore, workspace: Workspace) -> None:
    succeeded(store, names=())
    succeeded(store, status=JobStatus.FAILED)
    succeeded(store, finalized_at=datetime.now(UTC) - timedelta(days=8))
    assert CatalogLineage(store, connection(workspace)).write_due() == 0
    local = succeeded(store, backend="local")
    assert CatalogLineage(store, connection(workspace)).write_due() == 1
    assert lineage(workspace).edges() == {edge for edge in expected(local) if "model_version" not in edge[1]}


@pytest.mark.parametrize("call", CALLS)
def test_every_fault_at_every_call(store: JobStore, workspace: Workspace, call: str) -> None:
    for kind in FaultKind:
        workspace.faults.clear()
        lineage(workspace).metadata.clear()
        lineage(workspace).relationships.clear()
        job, clock = succeeded(store), Clock()
        made = connection(workspace, http=2, retry=4)
        made.client()
        writer = CatalogLineage(store, made, clock=clock)
        fault = workspace.faults.arm(call, kind)
        writer.write_due()
        assert fault.happened == 1, kind
        clock.now += PAUSE_SECONDS
        writer.write_due()
        assert lineage(workspace).edges() == expected(job), kind
        assert len(lineage(workspace).relationships) == 3, kind
        assert marks(store, job)[-1] == "written", kind
        assert store.get(job.id).status is JobStatus.SUCCEEDED


def test_another_process_goes_on_where_one_died(store: JobStore, workspace: Workspace) -> None:
    job = succeeded(store)
    workspace.faults.arm("external-lineage-create", FaultKind.INTERNAL, times=None, skip=1)
    CatalogLineage(store, connection(workspace)).write_due()
    assert len(lineage(workspace).relationships) == 1
    workspace.faults.clear()
    assert CatalogLineage(store, connection(workspace)).write_due() == 1
    assert lineage(workspace).edges() == expected(job)


def test_a_missing_grant_is_said_once_and_one_broken_job_does_not_hold_up_the_others(
    store: JobStore, workspace: Workspace
) -> None:
    clock = Clock()
    writer = CatalogLineage(store, connection(workspace), clock=clock)
    first = succeeded(store)
    with workspace.without("metastore", "CREATE EXTERNAL METADATA"):
        for _ in range(2):
            assert writer.write_due() == 0
            clock.now += PAUSE_SECONDS
    (told,) = [event for event in store.events(first.id)[0] if event.data and event.data.get("unity_catalog_lineage")]
    assert "CREATE EXTERNAL METADATA" in told.message
    broken = succeeded(store, names=("main.raw.dropped",))
    store.update(broken.id, {"finalized_at": datetime.now(UTC) - timedelta(hours=1)})
    assert writer.write_due() == 1
    assert lineage(workspace).edges() >= expected(first)
    assert marks(store, broken) == ["failed"]
