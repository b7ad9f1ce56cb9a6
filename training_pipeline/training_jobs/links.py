"""Where else a job can be looked at: its runs in Dagster, on Databricks and in MLflow, and its model version."""

from __future__ import annotations

from dataclasses import dataclass

from training_pipeline.domain.job import TrainingJob
from training_pipeline.urls import Urls


@dataclass(frozen=True, slots=True)
class Link:
    """One place. `url` is null where the place has an id but no page that we know the address of."""

    label: str
    name: str
    url: str | None


def links(job: TrainingJob, at: Urls) -> tuple[Link, ...]:
    """The places where this job has left something, in the order of its life."""
    found = []
    for label, run_id in (("Dagster launch run", job.launch.run_id), ("Dagster finalize run", job.finalize.run_id)):
        if run_id is not None:
            found.append(Link(label, run_id, at.run(run_id)))
    if job.launch.run_id is not None:
        found.append(Link("Dagster asset lineage", job.id, at.asset("fine_tuned_model", job.id)))
    if job.handles.backend_run_url is not None:
        found.append(Link("Databricks run", job.handles.backend_run_id or "", job.handles.backend_run_url))
    if job.handles.mlflow_run_id is not None:
        found.append(Link("MLflow run", job.handles.mlflow_run_id, at.mlflow_run(job)))
    if job.result.uc_model_name is not None and job.result.uc_model_version is not None:
        name, version = job.result.uc_model_name, job.result.uc_model_version
        found.append(Link("Registered model", f"{name} version {version}", at.model_version(job)))
    return tuple(found)
