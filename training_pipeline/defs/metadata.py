"""The metadata of materializations: counts, tables, links and plots. Never the text of a pair."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from training_pipeline.backends.results import TrainingResult
from training_pipeline.defs import columns
from training_pipeline.defs.plots import loss_curve
from training_pipeline.domain.export_summary import ExportSummary, SheetWarning
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.lineage import LineageRecord, base_model_facts, recipe_facts
from training_pipeline.domain.manifest import MANIFEST_SCHEMA
from training_pipeline.domain.refs import DatasetRef, SheetRef, SnapshotRef
from training_pipeline.domain.split_report import KeptSides, TextReport
from training_pipeline.domain.training_sheet import Reference
from training_pipeline.schemas.training_sheet import DryRun, Warned
from training_pipeline.schemas.training_sheet import ExportSummary as ShownSummary
from training_pipeline.urls import Urls

if TYPE_CHECKING:
    import pandas as pd

Metadata = dict[str, Any]

_EXCLUSIONS = "| pairs | excluded because | usage reason |"


def of_sheet(job: TrainingJob, sheet: SheetRef, links: Urls) -> Metadata:
    """The head of a training sheet."""
    head = sheet.sheet
    return {
        "training_sheet": f"{head.name} ({head.id})",
        "status": str(head.status),
        "source_sheet": named(head.source_sheet),
        "prompt_template": named(head.prompt_template),
        "canonical_labels": sheet.labels.count,
        "tags": ", ".join(head.tags) or "none",
        "owner": head.owner or "none",
        "digest": sheet.digest,
        "dagster/column_schema": columns.PAIRS,
        "training_job": _job(job, links),
    }


def named(reference: Reference) -> str:
    """A source sheet or prompt template, with its version."""
    return f"{reference.name or reference.id} ({reference.id}), version {reference.version or 'unknown'}"


def of_snapshot(job: TrainingJob, taken: SnapshotRef, links: Urls) -> Metadata:
    """The verdicts of both gates."""
    summary = taken.summary
    return {
        "dagster/row_count": summary.total,
        "included": summary.eligible,
        "excluded": summary.total - summary.eligible,
        "exclusions": exclusions(summary),
        "labeled": summary.labeled,
        "training_allowed": summary.training_allowed,
        "training_prohibited": summary.training_prohibited,
        "classifications": counts("classification", summary.classifications),
        "approvers": counts("approved by", _approvers(summary), unknown="unknown"),
        "warnings": _warnings(summary.warnings),
        "gate_policy": taken.policy_version,
        "digest": taken.digest,
        "dagster/column_schema": columns.VERDICTS,
        "path": dg.MetadataValue.path(str(taken.path)),
        "training_job": _job(job, links),
    }


def _approvers(summary: ExportSummary) -> dict[str, int]:
    others = {"all others": summary.other_approvers} if summary.other_approvers else {}
    return {**summary.approvers, **others}


def exclusions(summary: ExportSummary | ShownSummary) -> dg.MetadataValue[Any]:
    """The exclusions by reason, with the stewards' usage reasons; the counts add up to all excluded pairs.

    The counts come first: the UI shows the beginning of a wide table.
    """
    rows = [f"| {row.count:,} | {row.reason} | {_cell(row.usage_reason or '')} |" for row in summary.reasons]
    total = f"| **{summary.total - summary.eligible:,}** | **all excluded pairs** | |"
    return dg.MetadataValue.md("\n".join([_EXCLUSIONS, "| ---: | --- | --- |", *rows, total]))


def counts(title: str, found: Mapping[str, int], *, unknown: str = "") -> dg.MetadataValue[Any]:
    """How many pairs each has, the most first."""
    rows = sorted(found.items(), key=lambda item: -item[1])
    lines = [f"| {title} | pairs |", "| --- | ---: |", *(f"| {name or unknown} | {count:,} |" for name, count in rows)]
    return dg.MetadataValue.md("\n".join(lines))


def _kept(kept: KeptSides | None) -> Metadata:
    if kept is None:
        return {}
    return {
        "split_predecessor": kept.job_id,
        "kept": kept.kept,
        "new": kept.new,
        "moved_to_training": kept.moved,
        "moved_pair_ids": ", ".join(kept.moved_pair_ids),
        "losses_comparable": kept.losses_comparable,
    }


def _texts(found: TextReport) -> Metadata:
    """What is told of the texts of all included pairs; "not compared" where nobody looked."""
    shown: Metadata = {}
    for name, count, ids in (
        ("with_control_tokens", found.control_tokens, found.control_token_ids),
        ("near_held_out_questions", found.near_held_out, found.near_held_out_ids),
    ):
        shown[name] = "not compared" if count is None else count
        if ids:
            shown[f"{name}_pair_ids"] = ", ".join(ids)
    return shown


def of_split(job: TrainingJob, dataset: DatasetRef, side: str, links: Urls) -> Metadata:
    """One split of the dataset."""
    report = dataset.report
    return {
        "dagster/row_count": report.train if side == "train" else report.validation,
        "requested_ratio": report.requested_ratio,
        "achieved_ratio": round(report.achieved_ratio, 6),
        "components": report.components,
        "largest_component": report.largest_component,
        "kept_from_validation": report.kept_from_validation,
        "tied_by_near_questions": report.near.tied,
        **_texts(report.texts),
        **_kept(report.kept),
        "seed": report.seed,
        "sha256": dataset.train_sha256 if side == "train" else dataset.validation_sha256,
        "dataset": dataset.digest,
        "dagster/column_schema": columns.EXAMPLES,
        "manifest_columns": ", ".join(MANIFEST_SCHEMA.names),
        "path": dg.MetadataValue.path(str(dataset.path / f"{side}.jsonl")),
        "training_job": _job(job, links),
    }


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
        "training_job": _job(job, links),
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
        "training_job": _job(job, links),
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
        "training_job": _job(job, links),
    }


def _recipe(record: LineageRecord) -> Metadata:
    """What the training was made with; of the configuration its values."""
    facts = recipe_facts(record.recipe)
    if record.recipe is None:
        return facts
    return {**facts, "configuration": dg.MetadataValue.json(record.recipe.configuration)}


def of_plan(plan: DryRun) -> Metadata:
    """The plan of a dry run."""
    summary = plan.export_summary
    return {
        "training_sheet": f"{plan.training_sheet_name} ({plan.training_sheet_id})",
        "included": summary.eligible,
        "excluded": summary.total - summary.eligible,
        "exclusions": exclusions(summary),
        "train_pairs": plan.split.train,
        "validation_pairs": plan.split.validation,
        "requested_ratio": plan.split.requested_ratio,
        "achieved_ratio": round(plan.split.achieved_ratio, 6),
        "base_model": plan.base_model,
        "configuration": dg.MetadataValue.json(plan.training_config),
        "planned_steps": plan.planned_steps,
        "warnings": _warnings(plan.warnings),
    }


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _job(job: TrainingJob, links: Urls) -> dg.MetadataValue[Any]:
    return dg.MetadataValue.url(links.job(job.id))


def _backend_run(job: TrainingJob) -> Any:
    return (
        dg.MetadataValue.url(job.handles.backend_run_url)
        if job.handles.backend_run_url
        else job.handles.backend_run_id or ""
    )


def _mlflow(job: TrainingJob, links: Urls) -> Any:
    page = links.mlflow_run(job)
    return dg.MetadataValue.url(page) if page else job.handles.mlflow_run_id or ""


def _warnings(warnings: Sequence[SheetWarning] | Sequence[Warned]) -> dg.MetadataValue[Any]:
    return dg.MetadataValue.md("\n".join(f"- {warning.message}" for warning in warnings) or "none")


def _figure(value: float | int) -> float | int:
    """A number rounded to six significant digits."""
    return value if isinstance(value, int) else float(f"{value:.6g}")


def digest_of_frame(frame: pd.DataFrame) -> str:
    """SHA-256 (hex) of a metric series."""
    return hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()


def digest_of_files(files: Mapping[str, str]) -> str:
    """SHA-256 (hex) over file names and their hashes."""
    return hashlib.sha256(json.dumps(dict(sorted(files.items()))).encode()).hexdigest()
