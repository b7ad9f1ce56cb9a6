"""The real system, started with `training-pipeline up`, whose sheets and jobs are in a Databricks workspace."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
from training_pipeline.testing.databricks.backend import VOLUME, runs_of
from training_pipeline.testing.databricks.sheet_tables import PAIRS, SHEETS
from training_pipeline.testing.databricks_workspace.models import Version, registry
from training_pipeline.testing.databricks_workspace.run import Run
from training_pipeline.testing.databricks_workspace.state import Workspace
from training_pipeline.testing.system.running_system import RunningSystem, temporary_state
from training_pipeline.testing.system.warm_python import WarmPython


class DatabricksSystem(RunningSystem):
    """A `RunningSystem` whose jobs train in a workspace; its credentials are found in the environment."""

    def __init__(self, workspace: Workspace, state_dir: Path, output: Path, python: WarmPython) -> None:
        self.workspace = workspace
        settings = {
            "backend": "databricks",
            "databricks_volume": VOLUME,
            "databricks_accelerator": "GPU_1xA10",
            "databricks_warehouse_id": "wh-1",
            "databricks_http_timeout_seconds": 600,  # who waits for a reply is killed, and does not give up before
            "sheet_source": "unity_catalog",
            "uc_sheets_table": SHEETS,
            "uc_pairs_table": PAIRS,
        }
        super().__init__(state_dir, output, python=python, settings=settings)

    def runs(self, job_id: str) -> list[Run]:
        """Every run of the job that was ever submitted."""
        return [run for run in runs_of(self.workspace) if job_id in run.request["run_name"]]

    def succeeded(self, job_id: str, seconds: float = 240) -> tuple[TrainingJob, Run, Version]:
        """The job once it has succeeded, with its one run and the one model version of that run."""
        job = self.until(job_id, lambda job: job.finalize.done_at is not None, "the success", seconds=seconds)
        assert job.status is JobStatus.SUCCEEDED, self.story(job_id)
        (run,) = self.runs(job_id)
        assert job.handles.backend_run_id == str(run.run_id)
        assert job.handles.mlflow_run_id == run.mlflow["mlflow_run_id"]
        versions = registry(self.workspace).models[str(job.result.uc_model_name)]
        (version,) = [version for version in versions if version.run_id == job.handles.mlflow_run_id]
        assert (str(version.version), version.status) == (job.result.uc_model_version, "READY")
        self.assert_on_record(job_id)
        return job, run, version


@contextmanager
def databricks_system(
    workspace: Workspace, output: Path, prepared: EmbeddedPostgres, python: WarmPython
) -> Iterator[DatabricksSystem]:
    """One that is up on a copy of the prepared server, as long as the block lasts; `python` starts it.

    What it sets in the environment is undone.
    """
    with temporary_state(prepared) as state:
        os.environ |= {
            "DATABRICKS_HOST": workspace.url,
            "DATABRICKS_TOKEN": next(iter(workspace.tokens)),
            "DATABRICKS_CONFIG_FILE": "/nonexistent",
        }
        with closing(DatabricksSystem(workspace, state, output, python)) as running:
            running.up()
            yield running
