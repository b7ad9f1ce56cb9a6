"""Where else a job can be looked at: its runs in Dagster, MLflow and Databricks, and its model in Unity Catalog."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from training_pipeline.domain.job import TrainingJob
from training_pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Link:
    """One place. `url` is null where the place has an id but no page that we know the address of."""

    label: str
    name: str
    url: str | None


def links(job: TrainingJob, settings: Settings) -> tuple[Link, ...]:
    """The places where this job has left something, in the order of its life. Pure."""
    dagster = settings.dagster_address
    found = [
        Link("Dagster launch run", job.launch_run_id, f"{dagster}/runs/{job.launch_run_id}")
        if job.launch_run_id
        else None,
        Link("Dagster finish run", job.finalize_run_id, f"{dagster}/runs/{job.finalize_run_id}")
        if job.finalize_run_id
        else None,
        Link(
            "Dagster asset lineage",
            job.id,
            f"{dagster}/assets/fine_tuned_model?view=lineage&partition={quote(job.id)}",
        )
        if job.launch_run_id
        else None,
        _mlflow_run(job, settings),
        _model(job, settings),
    ]
    return tuple(link for link in found if link is not None)


def _mlflow_run(job: TrainingJob, settings: Settings) -> Link | None:
    if job.mlflow_run_id is None:
        return None
    path = f"/experiments/{job.mlflow_experiment_id}/runs/{job.mlflow_run_id}"
    return Link("MLflow run", job.mlflow_run_id, _on_server(settings, path))


def _model(job: TrainingJob, settings: Settings) -> Link | None:
    if job.uc_model_name is None or job.uc_model_version is None:
        return None
    path = f"/models/{quote(job.uc_model_name)}/versions/{job.uc_model_version}"
    return Link("Registered model", f"{job.uc_model_name} version {job.uc_model_version}", _on_server(settings, path))


def _on_server(settings: Settings, path: str) -> str | None:
    """The address of a page of MLflow; its tables in our own database have none."""
    uri = settings.mlflow_tracking_uri
    address = "" if uri is None else uri.get_secret_value()
    if not address.startswith(("http://", "https://")) or "@" in address:
        return None
    return f"{address.rstrip('/')}/#{path}"
