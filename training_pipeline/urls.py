"""URLs of pages about a training job: its page, its runs in the Dagster UI, in MLflow
and on Databricks, and its model."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from training_pipeline.databricks.workspace_pages import DatabricksPages
from training_pipeline.domain.job import TrainingJob
from training_pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Urls:
    """The URLs of one installation, without a slash at their end; `mlflow` is empty where MLflow has no page."""

    dagster: str
    page: str
    mlflow: str = ""

    @classmethod
    def of(cls, settings: Settings) -> Urls:
        """The URLs that the settings name, else those where `up` listens."""
        tracking = settings.mlflow_tracking_uri.get_secret_value() if settings.mlflow_tracking_uri else ""
        # A URL with a password in it is no link to show.
        mlflow = settings.mlflow_url or (tracking if tracking.startswith("http") and "@" not in tracking else "")
        return cls(
            dagster=(settings.dagster_url or server_url(settings.webserver_host, settings.webserver_port)).rstrip("/"),
            page=(settings.api_public_url or server_url(settings.api_host, settings.api_port)).rstrip("/"),
            mlflow=mlflow.rstrip("/"),
        )

    def job(self, job_id: str) -> str:
        """The job's page."""
        return f"{self.page}/train/jobs/{job_id}"

    def version(self, name: str, version: str) -> str:
        """The page of a model version."""
        return f"{self.page}/train/models/{quote(name, safe='')}/{quote(version, safe='')}"

    def revocation(self, revocation_id: str) -> str:
        """The page of a revocation."""
        return f"{self.page}/train/revocations/{revocation_id}"

    def run(self, run_id: str) -> str:
        """A run in the Dagster UI."""
        return f"{self.dagster}/runs/{run_id}"

    def asset(self, key: str, job_id: str) -> str:
        """An asset of the job in the Dagster UI."""
        return f"{self.dagster}/assets/{key}?view=partitions&partition={job_id}"

    def sensor(self, name: str) -> str:
        """A sensor in the Dagster UI."""
        return f"{self.dagster}/locations/training_pipeline/sensors/{name}"

    def schedule(self, name: str) -> str:
        """A schedule in the Dagster UI."""
        return f"{self.dagster}/locations/training_pipeline/schedules/{name}"

    def mlflow_run(self, job: TrainingJob) -> str | None:
        """The job's run in MLflow, where MLflow has pages and the job a run."""
        workspace = DatabricksPages.of(job)
        if workspace is not None:
            return workspace.mlflow_run(job)
        if not self.mlflow or job.handles.mlflow_run_id is None:
            return None
        return f"{self.mlflow}/#/experiments/{job.handles.mlflow_experiment_id}/runs/{job.handles.mlflow_run_id}"

    def model_version(self, job: TrainingJob) -> str | None:
        """The job's model version, in Unity Catalog or in MLflow where that has pages."""
        workspace = DatabricksPages.of(job)
        if workspace is not None:
            return workspace.model_version(job)
        if not self.mlflow or job.result.uc_model_name is None or job.result.uc_model_version is None:
            return None
        return f"{self.mlflow}/#/models/{job.result.uc_model_name}/versions/{job.result.uc_model_version}"


def server_url(host: str, port: int) -> str:
    """Where a browser on this machine finds a server that listens on `host`."""
    named = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - told from, not bound to
    return f"http://{f'[{named}]' if ':' in named else named}:{port}"
