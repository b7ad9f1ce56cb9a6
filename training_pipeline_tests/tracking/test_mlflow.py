from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from training_pipeline.backends.metric_point import MetricPoint
from training_pipeline.domain.errors import BackendFailed
from training_pipeline.infra.database import Database
from training_pipeline.tracking.mlflow import JOB_TAG, Tracking


@pytest.fixture
def tracking(database: Database, tmp_path: Path) -> Tracking:
    return Tracking(SecretStr(database.url("mlflow")), experiment="jobs", artifacts=tmp_path / "artifacts")


def test_a_job_has_one_run_however_often_it_is_started(tracking: Tracking) -> None:
    first = tracking.start_run("tj-1", params={"epochs": 3}, tags={"sheet": "s"})
    assert tracking.start_run("tj-1", params={"epochs": 3}, tags={"sheet": "s"}) == first
    assert tracking.start_run("tj-2", params={}, tags={}) != first
    run = tracking.client.get_run(first[1])
    assert run.data.params == {"epochs": "3"}
    assert run.data.tags[JOB_TAG] == "tj-1"


def test_the_parameters_of_a_run_whose_maker_died_are_logged_by_the_next(
    tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise ConnectionError("killed here")

    monkeypatch.setattr(tracking.client, "log_batch", die)
    with pytest.raises(ConnectionError):
        tracking.start_run("tj-1", params={"epochs": 3}, tags={})
    monkeypatch.undo()
    _, run_id = tracking.start_run("tj-1", params={"epochs": 3}, tags={})
    assert tracking.client.get_run(run_id).data.params == {"epochs": "3"}
    assert len(tracking.client.search_runs([tracking.experiment_id])) == 1


def test_a_job_has_one_model_version_however_often_it_is_registered(tracking: Tracking, tmp_path: Path) -> None:
    _, run_id = tracking.start_run("tj-1", params={}, tags={})

    def version_of(job_id: str) -> str:
        return tracking.register(
            "triage", job_id=job_id, source=tmp_path, run_id=run_id, tags={"a": "b"}, description="d"
        )

    assert tracking.registered_version("triage", job_id="tj-1", run_id=run_id) is None
    assert [version_of("tj-1"), version_of("tj-1"), version_of("tj-2")] == ["1", "1", "2"]
    assert tracking.registered_version("triage", job_id="tj-2", run_id=run_id) == "2"
    assert tracking.registered_version("triage", job_id="tj-3", run_id=run_id) is None
    found = tracking.client.get_model_version("triage", "1")
    assert (found.source, found.tags["a"], found.run_id) == (str(tmp_path), "b", run_id)


def test_a_model_of_an_earlier_version_may_have_a_quotation_mark_in_its_name(
    tracking: Tracking, tmp_path: Path
) -> None:
    _, run_id = tracking.start_run("tj-1", params={}, tags={})
    names = ("o'brien.ml.triage", 'the "best".ml.triage')
    for name in names:
        tracking.register(name, job_id="tj-1", source=tmp_path, run_id=run_id, tags={}, description="d")
    assert [tracking.has_version(name, "1") for name in names] == [True, True]
    assert [tracking.registered_version(name, job_id="tj-1", run_id=run_id) for name in names] == ["1", "1"]


def test_a_model_version_is_tagged(tracking: Tracking, tmp_path: Path) -> None:
    _, run_id = tracking.start_run("tj-1", params={}, tags={})
    tracking.register("triage", job_id="tj-1", source=tmp_path, run_id=run_id, tags={"a": "b"}, description="d")
    for _ in range(2):
        tracking.tag_version("triage", "1", {"tainted": "rv-1"})
    found = tracking.client.get_model_version("triage", "1").tags
    assert (found["a"], found["tainted"]) == ("b", "rv-1")


def test_aliases_are_those_of_the_registry(tracking: Tracking, tmp_path: Path) -> None:
    assert tracking.aliases("triage") == {}
    for job_id in ("tj-1", "tj-2"):
        _, run_id = tracking.start_run(job_id, params={}, tags={})
        tracking.register("triage", job_id=job_id, source=tmp_path, run_id=run_id, tags={}, description="")
    tracking.client.set_registered_model_alias("triage", "champion", "1")
    tracking.client.set_registered_model_alias("triage", "next", "2")
    assert tracking.aliases("triage") == {"champion": "1", "next": "2"}
    for _ in range(2):
        tracking.set_alias("triage", "champion", "2")
        tracking.set_alias("triage", "next", None)
        assert tracking.aliases("triage") == {"champion": "2"}


def test_a_version_that_is_not_there_takes_no_alias_and_an_alias_of_no_model_is_gone(
    tracking: Tracking, tmp_path: Path
) -> None:
    _, run_id = tracking.start_run("tj-1", params={}, tags={})
    tracking.register("triage", job_id="tj-1", source=tmp_path, run_id=run_id, tags={}, description="")
    for name, version in (("triage", "2"), ("other", "1")):
        with pytest.raises(BackendFailed, match=f"no version {version} of {name}"):
            tracking.set_alias(name, "champion", version)
    tracking.set_alias("other", "champion", None)
    assert tracking.aliases("triage") == {}


def test_more_points_than_one_batch_holds_are_written(tracking: Tracking) -> None:
    _, run_id = tracking.start_run("tj-1", params={}, tags={})
    points = [MetricPoint(name="train_loss", step=step, value=1 / step, time=step) for step in range(1, 1502)]
    tracking.log_points(run_id, points)
    history = tracking.client.get_metric_history(run_id, "train_loss")
    assert [metric.step for metric in history] == list(range(1, 1502))
    tracking.end_run(run_id, "FINISHED")
    assert tracking.client.get_run(run_id).info.status == "FINISHED"


def test_many_may_write_at_the_same_moment(tracking: Tracking) -> None:
    """MLflow's store takes two connections for a batch: sixteen that held one each would wait for ever."""
    runs = [tracking.start_run(f"tj-{number}", params={}, tags={})[1] for number in range(16)]
    barrier = threading.Barrier(len(runs))

    def write(run_id: str) -> int:
        barrier.wait()
        tracking.log_points(run_id, [MetricPoint(name="train_loss", step=1, value=1.0, time=1)])
        tracking.end_run(run_id, "KILLED")
        return len(tracking.client.get_metric_history(run_id, "train_loss"))

    with ThreadPoolExecutor(len(runs)) as pool:
        assert list(pool.map(write, runs)) == [1] * len(runs)


def test_mlflow_is_not_imported_before_it_is_used() -> None:
    code = "import sys, training_pipeline.tracking.mlflow; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
