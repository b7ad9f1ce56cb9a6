"""The configured backend, and what depends on it: tracking, and what is removed from its volume."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from training_pipeline.app.sheet_source import workspace
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.tracking.mlflow import Tracking
from training_pipeline.tracking.own_mlflow import OwnTracking

if TYPE_CHECKING:
    from training_pipeline.backends.base import FineTuningBackend
    from training_pipeline.backends.local.backend import LocalBackend
    from training_pipeline.databricks.backend import DatabricksBackend
    from training_pipeline.databricks.run_request import RunOptions
    from training_pipeline.databricks.serving import Serving
    from training_pipeline.infra.database import Database
    from training_pipeline.settings import Settings
    from training_pipeline.tracking.mlflow import RunTracking
    from training_pipeline.training_jobs.lifecycle.retention import Retention
    from training_pipeline.training_jobs.store.jobs import JobStore


def local_backend(settings: Settings) -> LocalBackend:
    """Fine-tuning on this machine."""
    from training_pipeline.backends.local.backend import PROGRAM, LocalBackend

    return LocalBackend(
        settings.runs,
        slots=settings.local_slots,
        resumes=settings.local_resumes,
        cancel_grace_seconds=settings.cancel_grace_seconds,
        program=shlex.split(settings.local_trainer) if settings.local_trainer else PROGRAM,
        models_dir=settings.models,
        asks_permission=True,
        allowed_models=settings.allowed_base_models,
        early_start=settings.local_early_start,
        sharding=settings.local_sharding,
    )


def backend_of(settings: Settings) -> FineTuningBackend:
    """The configured backend. Connects to nothing; raises `InvalidRequest` for settings that are missing."""
    return databricks_backend(settings) if settings.backend == "databricks" else local_backend(settings)


def databricks_backend(settings: Settings) -> DatabricksBackend:
    """Fine-tuning on Databricks AI Runtime."""
    from training_pipeline.databricks.backend import DatabricksBackend
    from training_pipeline.databricks.base_models import DatabricksModels

    return DatabricksBackend(
        databricks_options(settings),
        workspace(settings),
        DatabricksModels(settings.databricks_models_file, has_token=settings.databricks_hf_token_secret is not None),
        scores=settings.runs,
    )


def databricks_options(settings: Settings) -> RunOptions:
    """What every run of this installation has in common; raises `InvalidRequest` where there is no volume."""
    from training_pipeline.databricks.run_request import RunOptions

    if settings.databricks_volume is None:
        raise InvalidRequest(
            "The databricks backend needs a Unity Catalog volume, but TRAINING_PIPELINE_DATABRICKS_VOLUME is not set.",
            hint="Set it to catalog.schema.volume. See docs/databricks.md for all requirements.",
        )
    return RunOptions(
        volume=settings.databricks_volume,
        workspace_dir=settings.databricks_workspace_dir,
        experiment=settings.mlflow_experiment,
        environment_version=settings.databricks_environment_version,
        accelerator=settings.databricks_accelerator,
        usage_policy_id=settings.databricks_usage_policy_id,
        budget_policy_id=settings.databricks_budget_policy_id,
        image=settings.databricks_image,
        provisioned_capacity_id=settings.databricks_provisioned_capacity_id,
        access=tuple(settings.databricks_access_control_list),
        hf_token_secret=settings.databricks_hf_token_secret,
    )


def retention_of(settings: Settings, store: JobStore, *, days: float | None = None) -> Retention | None:
    """What removes from the volume, after so many `days` or as set; null where there is no volume or nothing is set."""
    from training_pipeline.databricks.volume_folders import VolumeFolders
    from training_pipeline.models.evaluation.staged import known_evaluation
    from training_pipeline.training_jobs.lifecycle.retention import Retention

    days = days or settings.databricks_retention_days
    if settings.databricks_volume is None or days is None:
        return None
    volume = VolumeFolders(workspace(settings), settings.databricks_volume)
    return Retention(store, volume, days, partial(known_evaluation, store))


def tracking_of(settings: Settings, database: Database, backend: FineTuningBackend) -> RunTracking:
    """The MLflow tracking to use: the backend's if its runs log to it themselves, else ours."""
    from training_pipeline.backends.local.backend import LocalBackend

    if not isinstance(backend, LocalBackend):  # where it is, a command need not load the other one
        from training_pipeline.databricks.backend import DatabricksBackend
        from training_pipeline.databricks.tracking import DatabricksTracking

        if isinstance(backend, DatabricksBackend):
            return DatabricksTracking(backend.connection, settings.databricks_access_control_list)
    artifacts = settings.state_dir / "mlflow-artifacts"
    if settings.mlflow_tracking_uri is None:
        return OwnTracking(database, experiment=settings.mlflow_experiment, artifacts=artifacts)
    return Tracking(settings.mlflow_tracking_uri, experiment=settings.mlflow_experiment, artifacts=artifacts)


def endpoints_of(backend: FineTuningBackend) -> Callable[[], Serving] | None:
    """What asks for the serving endpoints of the backend's workspace; null where it has none."""
    from training_pipeline.databricks.backend import DatabricksBackend
    from training_pipeline.databricks.serving import serving

    return partial(serving, backend.connection) if isinstance(backend, DatabricksBackend) else None
