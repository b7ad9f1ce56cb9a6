"""The pages of a Databricks workspace that show what a training job left there."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlsplit

from training_pipeline.domain.job import TrainingJob


@dataclass(frozen=True, slots=True)
class DatabricksPages:
    """The pages of one workspace. `host` has no slash at its end, `workspace_id` is empty where it is not known."""

    host: str
    workspace_id: str = ""

    @classmethod
    def of(cls, job: TrainingJob) -> DatabricksPages | None:
        """The pages of the workspace that the job runs in; null where it runs in none, or that is not known yet.

        Jobs tells the run's page (`run_page_url`); the others are addressed as MLflow's client addresses them when it
        tells a user where to look (mlflow 3.17, `utils/databricks_utils.py`).
        """
        if job.handles.backend_run_url is None or not is_page(job.handles.backend_run_url):
            return None
        page = urlsplit(job.handles.backend_run_url)
        workspace_id = parse_qs(page.query).get("o", [""])[0]
        return cls(f"{page.scheme}://{page.netloc}", workspace_id if workspace_id.isdecimal() else "")

    def mlflow_run(self, job: TrainingJob) -> str | None:
        """The job's run in MLflow; null until there is one."""
        if job.handles.mlflow_experiment_id is None or job.handles.mlflow_run_id is None:
            return None
        path = f"mlflow/experiments/{quote(job.handles.mlflow_experiment_id)}/runs/{quote(job.handles.mlflow_run_id)}"
        return f"{self.host}/{self._workspace}#{path}"

    def model_version(self, job: TrainingJob) -> str | None:
        """The job's model version in Unity Catalog; null until it is registered."""
        if job.result.uc_model_name is None or job.result.uc_model_version is None:
            return None
        name = "/".join(quote(part, safe="") for part in job.result.uc_model_name.split("."))
        return f"{self.host}/explore/data/models/{name}/version/{quote(job.result.uc_model_version)}{self._workspace}"

    @property
    def _workspace(self) -> str:
        return f"?o={self.workspace_id}" if self.workspace_id else ""


def is_page(url: str) -> bool:
    """Whether a browser may be sent there: http or https, and no name or password in it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc) and "@" not in parts.netloc
