"""What a person sees on a materialization: counts, tables, links and pictures. Never the text of a pair."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Mapping
from typing import Any

import dagster as dg
import pandas as pd

from training_pipeline.backends.base import TrainingResult
from training_pipeline.datasets.snapshot import Snapshot
from training_pipeline.datasets.store import DatasetRef
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.lineage import LineageRecord
from training_pipeline.domain.training_sheet import Reference
from training_pipeline.training_jobs.launch import SheetRef

Metadata = dict[str, Any]


def of_sheet(sheet: SheetRef) -> Metadata:
    """The head of a training sheet."""
    head = sheet.sheet
    return {
        "training_sheet": head.id,
        "name": head.name,
        "status": str(head.status),
        "digest": sheet.digest,
        "source_sheet": _named(head.source_sheet),
        "prompt_template": _named(head.prompt_template),
        "tags": ", ".join(head.tags) or "none",
        "canonical_labels": sheet.labels.count,
    }


def _named(reference: Reference) -> str:
    return f"{reference.name or reference.id} ({reference.version or 'no version'})"


def of_snapshot(taken: Snapshot) -> Metadata:
    """What the gates decided."""
    summary = taken.summary
    return {
        "dagster/row_count": summary.total,
        "included": summary.eligible,
        "labeled": summary.labeled,
        "training_allowed": summary.training_allowed,
        "training_prohibited": summary.training_prohibited,
        "excluded": dg.MetadataValue.md(summary.to_markdown()),
        "classifications": dict(summary.classifications),
        "approvers": dict(summary.approvers),
        "warnings": dg.MetadataValue.md("\n".join(f"- {warning.message}" for warning in summary.warnings) or "none"),
        "gate_policy": taken.policy_version,
        "digest": taken.digest,
        "path": dg.MetadataValue.path(str(taken.path)),
    }


def of_split(dataset: DatasetRef, side: str) -> Metadata:
    """One side of the dataset."""
    report = dataset.report
    rows = report.train if side == "train" else report.validation
    return {
        "dagster/row_count": rows,
        "requested_ratio": report.requested_ratio,
        "achieved_ratio": report.achieved_ratio,
        "components": report.components,
        "largest_component": report.largest_component,
        "kept_from_validation": report.kept_from_validation,
        "seed": report.seed,
        "sha256": dataset.train_sha256 if side == "train" else dataset.validation_sha256,
        "dataset": dataset.digest,
        "path": dg.MetadataValue.path(str(dataset.path / f"{side}.jsonl")),
    }


def of_submission(job: TrainingJob) -> Metadata:
    """Where the job runs, and with which configuration."""
    return {
        "backend": job.backend,
        "backend_run_id": job.backend_run_id or "",
        "base_model": job.base_model,
        "attempt": job.attempt,
        "configuration": dg.MetadataValue.json(job.training_config),
        "mlflow_run": job.mlflow_run_id or "",
        "dataset": job.dataset_digest or "",
    }


def of_metrics(job: TrainingJob, result: TrainingResult, frame: pd.DataFrame) -> Metadata:
    """The final figures as plain numbers, which the UI plots across jobs, and the loss curve as a picture."""
    figures = {
        "steps": result.steps,
        "epochs": result.epochs_completed,
        "tokens": result.tokens,
        "duration_seconds": result.duration_seconds,
        "train_loss_first": result.train_loss_first,
        "train_loss": result.train_loss,
        "val_loss": result.val_loss,
        "train_accuracy": result.train_accuracy,
        "val_accuracy": result.val_accuracy,
        **result.custom_metrics,
    }
    shown: Metadata = {name: value for name, value in figures.items() if value is not None}
    shown["truncated_examples"] = result.truncated_examples
    shown["model_name"] = job.model_name
    if frame["train_loss"].notna().any():
        shown["loss_curve"] = dg.MetadataValue.md(loss_curve(frame))
    return shown


def of_model(job: TrainingJob, result: TrainingResult, record: LineageRecord) -> Metadata:
    """The registered model and what it was trained on."""
    files = pd.DataFrame(sorted(result.model_files.items()), columns=["file", "sha256"])
    return {
        "model": job.uc_model_name or job.model_name,
        "model_version": job.uc_model_version or "kept as an artifact",
        "model_dir": dg.MetadataValue.path(str(result.model_dir)),
        "files": dg.MetadataValue.md("\n".join(f"- `{row.file}` `{row.sha256}`" for row in files.itertuples())),
        "training_sheet": f"{record.training_sheet_id} ({record.training_sheet_digest[:12]})",
        "source_sheet": f"{record.sheet_id} ({record.sheet_version})",
        "prompt_template": f"{record.template_id} ({record.template_version})",
        "dataset": record.dataset_digest,
        "mlflow_run": job.mlflow_run_id or "",
        "base_model": job.base_model,
    }


def loss_curve(frame: pd.DataFrame) -> str:
    """Training and validation loss over steps, as a Markdown image that holds its own PNG."""
    # The object interface: pyplot would keep figures and a backend for the whole process.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.2), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for name, label in (("train_loss", "training"), ("val_loss", "validation")):
        points = frame.dropna(subset=[name])
        axes.plot(points["step"], points[name], label=label, marker="o" if len(points) < 30 else None, markersize=3)
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return f"![loss over steps](data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()})"


def digest_of_frame(frame: pd.DataFrame) -> str:
    """SHA-256 (hex) of a metric series."""
    return hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()


def digest_of_files(files: Mapping[str, str]) -> str:
    """SHA-256 (hex) over file names and their hashes."""
    return hashlib.sha256(json.dumps(dict(sorted(files.items()))).encode()).hexdigest()
