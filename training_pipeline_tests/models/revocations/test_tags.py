"""The tag follows the taint, however long the registry does not answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from training_pipeline.databricks.tracking import DatabricksTracking
from training_pipeline.databricks.workspace import Connection
from training_pipeline.domain.errors import BackendUnreachable
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.revocations import Revoked
from training_pipeline.models.revocations.revoke import Revocations
from training_pipeline.models.revocations.tags import TAG, Tagged, TaintTags, value
from training_pipeline.models.uses.index import UseIndex
from training_pipeline.testing.models.used_rows import NO_DIGEST, dataset_of, job_with, row
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.jobs import JobStore


class Registry:
    """Keeps tags, or does not answer."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.versions: dict[tuple[str, str], Mapping[str, str]] = {}
        self.runs: dict[str, Mapping[str, str]] = {}
        self.asked = 0

    def tag_version(self, model_name: str, version: str, tags: Mapping[str, str]) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error
        self.versions[model_name, version] = tags

    def tag_run(self, run_id: str, tags: Mapping[str, str]) -> None:
        self.runs[run_id] = tags


def pass_time(store: JobStore) -> None:
    with store.begin() as connection:
        connection.execute(text("UPDATE taints SET after = NULL"))


@pytest.mark.parametrize("error", [BackendUnreachable("no answer"), ConnectionError("refused")], ids=str)
def test_the_taint_stands_and_the_tag_follows(
    error: Exception, revocations: Revocations, store: JobStore, index: UseIndex, tmp_path: Path
) -> None:
    dataset = dataset_of(tmp_path, "invoices", [row("p-1", "train"), row("p-2", "validation")])
    job = job_with(store, index, "invoices", dataset, version="3", model_name="triage")
    registry: Any = Registry()
    tags = TaintTags(store, registry)
    assert tags.write_due() == Tagged(0, 0)
    first = revocations.revoke(Revoked(kind="item", value="item of p-1"), reason="r", actor="grace").revocation.id
    registry.error = error
    assert tags.write_due() == Tagged(0, 1)
    assert tags.write_due() == Tagged(0, 0), "it pauses"
    assert store.get(job.id).tainted_at is not None
    second = revocations.revoke(Revoked(kind="item", value="item of p-2"), reason="r", actor="grace").revocation.id
    pass_time(store)
    registry.error = None
    assert tags.write_due() == Tagged(1, 0)
    assert registry.versions == {("triage", "3"): {TAG: f"{first}, {second}"}}
    assert tags.write_due() == Tagged(0, 0), "said once"
    third = revocations.revoke(Revoked(kind="label", value="never"), reason="r", actor="grace")
    assert (third.taints, tags.write_due()) == ((), Tagged(0, 0))
    assert registry.asked == 2


def test_of_a_model_without_a_version_the_run_is_tagged(
    revocations: Revocations, store: JobStore, index: UseIndex, tmp_path: Path
) -> None:
    dataset = dataset_of(tmp_path, "invoices", [row("p-1", "train")])
    for run_id in ("run-1", None):
        job = job_with(store, index, "invoices", dataset, status=JobStatus.SUCCEEDED, mlflow_run_id=run_id)
        lineage.set_model(store, job.id, version=None, files={"model.safetensors": NO_DIGEST})
    made = revocations.revoke(Revoked(kind="item", value="item of p-1"), reason="r", actor="grace")
    registry: Any = Registry()
    assert TaintTags(store, registry).write_due() == Tagged(2, 0)
    assert registry.runs == {"run-1": {TAG: made.revocation.id}}


def test_many_revocations_are_counted_in_the_value() -> None:
    assert value(["a"]) == "a"
    assert value(list("abcdefg")) == "a, b, c, d, e and 2 more"


def test_a_version_in_unity_catalog_is_tagged_as_mlflow_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, str, Any]] = []

    class Client:
        class api_client:  # noqa: N801 - the SDK's name
            @staticmethod
            def do(method: str, path: str, *, body: Any) -> None:
                sent.append((method, path, body))

    connection = Connection()
    monkeypatch.setattr(Connection, "client", lambda _: Client)
    DatabricksTracking(connection).tag_version("ml.models.triage", "2", {TAG: "rv-1"})
    body = {"name": "ml.models.triage", "version": "2", "key": TAG, "value": "rv-1"}
    assert sent == [("POST", "/api/2.0/mlflow/unity-catalog/model-versions/set-tag", body)]
