"""What must hold of every training job in the end, whatever happened on its way."""

from __future__ import annotations

import dagster as dg

from training_pipeline.defs.provenance import asset_records
from training_pipeline.domain.job import JobStatus
from training_pipeline.training_jobs import lineage, metrics
from training_pipeline_tests.backends.stand_in import starts
from training_pipeline_tests.crashes.running_system import STEPS, RunningSystem
from training_pipeline_tests.polling import until

ASSETS = (
    "source_sheet",
    "prompt_template",
    "canonical_labels",
    "training_sheet",
    "governed_pairs",
    "train_split",
    "validation_split",
    "fine_tuning_run",
    "training_metrics",
    "fine_tuned_model",
)
_OVER = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}


def assert_succeeded_once(system: RunningSystem, job_id: str, *, trained_from: tuple[int, ...] = (0,)) -> None:
    """It succeeds, was submitted once, lost nothing, has one model version and the lineage that Dagster's log tells.

    `trained_from`: the step that each start of its trainer went on from.
    """
    job = system.until(job_id, lambda job: job.finalized_at is not None, "success")
    assert job.status is JobStatus.SUCCEEDED
    events = system.services.store.events(job_id, newest_first=False, limit=1000)[0]
    assert [event.new_status for event in events if event.new_status] == ["pending", "queued", "running", "succeeded"]

    run = system.run_directory(job_id)
    assert [run.path] == list(system.settings.runs.glob(f"{job_id}-*"))
    assert tuple(start["from_step"] for start in starts(run)) == trained_from
    assert not (run.path / "stand_in_overlap").exists()

    every_step = list(range(1, STEPS + 1))
    series = metrics.series(system.services.store, job_id)
    assert series["step"].tolist() == every_step
    assert series["train_loss"].notna().all()
    client = system.services.tracking.client
    assert job.mlflow_run_id is not None
    mirrored = client.get_metric_history(job.mlflow_run_id, "train_loss")
    assert [metric.step for metric in mirrored] == every_step
    runs = client.search_runs([job.mlflow_experiment_id], f"tags.`training_pipeline.job_id` = '{job_id}'")
    assert [(one.info.run_id, one.info.status) for one in runs] == [(job.mlflow_run_id, "FINISHED")]
    assert runs[0].data.params["base_model"] == job.base_model

    versions = client.search_model_versions(f"run_id = '{job.mlflow_run_id}'")
    assert [str(version.version) for version in versions] == [job.uc_model_version]
    record = lineage.read(system.services.store, job_id)
    assert record.model_version == job.uc_model_version
    assert record.assets == asset_records(system.instance, [dg.AssetKey(name) for name in ASSETS], job_id)
    assert set(record.assets) == set(ASSETS)


def until_dagster_has_ended_every_run(system: RunningSystem) -> None:
    """Wait until no run looks as if it still ran, whatever became of its process."""
    until(
        lambda: all(run.status in _OVER for run in system.instance.get_runs()),
        seconds=60,
        what="the end of every Dagster run",
    )
