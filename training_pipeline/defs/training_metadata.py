"""The metadata of a training and its model: configuration, final metrics, lineage, links. Never the text of a pair."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from training_pipeline.backends.results import TrainingResult
from training_pipeline.defs.metadata import Metadata, job_page, named
from training_pipeline.defs.plots import loss_curve
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.lineage import LineageRecord, base_model_facts, recipe_facts
from training_pipeline.domain.training_sheet import Reference
from training_pipeline.urls import Urls

if TYPE_CHECKING:
    import pandas as pd


def of_submission(job: TrainingJob, links: Urls) -> Metadata:
    """Where the job runs, and with which configuration."""
    return {
        "backend": job.backend,
        "backend_run": _backend_run(job),
        "base_model": job.request.base_model,
        "configuration": dg.MetadataValue.json(job.request.training_config),
        "requested_by": job.created_by,
        "attempt": job.attempt,
        "retry_of": job.retry_of or "none: this is the first attempt",
        "dataset": job.data.dataset_digest or "",
        "mlflow_run": _mlflow(job, links),
        "training_job": job_page(job, links),
    }


def of_metrics(job: TrainingJob, result: TrainingResult, frame: pd.DataFrame, links: Urls) -> Metadata:
    """The final metrics as plain numbers, which the UI plots across jobs, and the loss curve as a plot.

    What tells two jobs apart in those plots stands beside: model, sheet and learning rate.
    """
    figures = {
        "train_loss": result.train_loss,
        "val_loss": result.val_loss,
        "train_accuracy": result.train_accuracy,
        "val_accuracy": result.val_accuracy,
        "train_loss_first": result.train_loss_first,
        "steps": result.steps,
        "epochs": result.epochs_completed,
        "tokens": result.tokens,
        "duration_seconds": result.duration_seconds,
        "learning_rate": _learning_rate(job),
        **dict(sorted(result.custom_metrics.items())),
        "truncated_examples": result.truncated_examples,
    }
    shown: Metadata = {}
    if frame["train_loss"].notna().any():
        shown["loss_curve"] = dg.MetadataValue.md(loss_curve(frame, title=_title(job)))
    shown |= {name: _figure(value) for name, value in figures.items() if value is not None}
    return {
        **shown,
        "model": job.request.model_name,
        "training_sheet": f"{job.request.training_sheet_name} ({job.request.training_sheet_id})",
        "backend_run": _backend_run(job),
        "mlflow_run": _mlflow(job, links),
        "training_job": job_page(job, links),
    }


def _title(job: TrainingJob) -> str:
    rate = _learning_rate(job)
    said = f"{job.request.model_name} on {job.request.training_sheet_id}"
    return said if rate is None else f"{said}, learning rate {rate:g}"


def _learning_rate(job: TrainingJob) -> float | None:
    """The one that was trained with: resolved before a job begins."""
    rate = job.request.training_config.get("learning_rate")
    return float(rate) if isinstance(rate, int | float) else None


def of_model(job: TrainingJob, result: TrainingResult, record: LineageRecord, links: Urls) -> Metadata:
    """The registered model and what it was trained on."""
    name, version = job.result.uc_model_name or job.request.model_name, job.result.uc_model_version
    page = links.model_version(job)
    sheet = Reference(id=record.sheet_id, name=record.sheet_name, version=record.sheet_version)
    template = Reference(id=record.template_id, name=record.template_name, version=record.template_version)
    files = [f"| `{file}` | `{digest}` |" for file, digest in sorted(result.model_files.items())]
    return {
        "model": name,
        "model_version": version or "kept as an artifact",
        **({"model_page": dg.MetadataValue.url(page)} if page else {}),
        "base_model": job.request.base_model,
        **base_model_facts(record.base_model),
        **_recipe(record),
        "training_sheet": f"{record.training_sheet_name} ({record.training_sheet_id})",
        "training_sheet_digest": record.training_sheet_digest,
        "source_sheet": named(sheet),
        "prompt_template": named(template),
        "train_pairs": job.data.train_pairs or 0,
        "validation_pairs": job.data.val_pairs or 0,
        "dataset": record.dataset_digest,
        "files": dg.MetadataValue.md("\n".join(["| file | SHA-256 |", "| --- | --- |", *files])),
        "model_dir": dg.MetadataValue.path(str(result.model_dir)),
        "backend_run": _backend_run(job),
        "mlflow_run": _mlflow(job, links),
        "training_job": job_page(job, links),
    }


def _recipe(record: LineageRecord) -> Metadata:
    """What the training was made with; of the configuration its values."""
    facts = recipe_facts(record.recipe)
    if record.recipe is None:
        return facts
    return {**facts, "configuration": dg.MetadataValue.json(record.recipe.configuration)}


def _backend_run(job: TrainingJob) -> Any:
    return (
        dg.MetadataValue.url(job.handles.backend_run_url)
        if job.handles.backend_run_url
        else job.handles.backend_run_id or ""
    )


def _mlflow(job: TrainingJob, links: Urls) -> Any:
    page = links.mlflow_run(job)
    return dg.MetadataValue.url(page) if page else job.handles.mlflow_run_id or ""


def _figure(value: float | int) -> float | int:
    """A number rounded to six significant digits."""
    return value if isinstance(value, int) else float(f"{value:.6g}")


def digest_of_frame(frame: pd.DataFrame) -> str:
    """SHA-256 (hex) of a metric series."""
    return hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()


def digest_of_files(files: Mapping[str, str]) -> str:
    """SHA-256 (hex) over file names and their hashes."""
    return hashlib.sha256(json.dumps(dict(sorted(files.items()))).encode()).hexdigest()
