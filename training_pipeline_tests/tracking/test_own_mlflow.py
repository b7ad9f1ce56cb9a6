"""What is read from MLflow's tables is what MLflow reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from training_pipeline.infra.database import Database
from training_pipeline.tracking.mlflow import Tracking
from training_pipeline.tracking.own_mlflow import OwnTracking


def test_what_is_read_is_what_mlflow_reads(database: Database, tmp_path: Path) -> None:
    own = OwnTracking(database, experiment="jobs", artifacts=tmp_path / "artifacts")
    names, numbers = ("triage", "Triage", "other"), ("1", "2", "3", "01", "x")

    def compare() -> dict[str, tuple[dict[str, str], list[bool]]]:
        found = {
            name: [
                (way.aliases(own, name), [way.has_version(own, name, one) for one in numbers])
                for way in (OwnTracking, Tracking)
            ]
            for name in names
        }
        assert all(ours == theirs for ours, theirs in found.values())
        return {name: ours for name, (ours, _) in found.items()}

    assert compare()["triage"] == ({}, [False] * 5)
    client = own.client
    for name in ("triage", "other"):
        client.create_registered_model(name)
        for _ in range(3):
            client.create_model_version(name, "file:///nowhere")
    client.set_registered_model_alias("triage", "champion", "2")
    client.set_registered_model_alias("triage", "next", "3")
    assert compare()["triage"] == ({"champion": "2", "next": "3"}, [True, True, True, False, False])
    client.delete_model_version("triage", "1")
    client.delete_registered_model_alias("triage", "next")
    client.rename_registered_model("other", "Triage")
    assert compare()["triage"] == ({"champion": "2"}, [False, True, True, False, False])
    _, run_id = own.start_run("tj-1", params={}, tags={"a": "b", "empty": ""})
    assert own.tags(run_id) == Tracking.tags(own, run_id)
    assert own.tags(run_id)["a"] == "b"
    for job_id in ("tj-1", "tj-2"):
        own.register("mine", source=tmp_path, run_id=run_id, job_id=job_id, tags={}, description="")
    client.delete_model_version("mine", "1")
    for name, job_id in (("mine", "tj-1"), ("mine", "tj-2"), ("Mine", "tj-2"), ("mine", "tj-3")):
        ours, theirs = (
            way.registered_version(own, name, job_id=job_id, run_id=run_id) for way in (OwnTracking, Tracking)
        )
        assert ours == theirs == ("2" if (name, job_id) == ("mine", "tj-2") else None)
    with pytest.raises(MlflowException, match="not found"):
        own.tags("0" * 32)
