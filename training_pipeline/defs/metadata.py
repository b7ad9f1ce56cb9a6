"""The metadata of sheets, verdicts, splits and plans: counts, tables and links. Never the text of a pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from training_pipeline.defs import columns
from training_pipeline.domain.export_summary import ExportSummary, SheetWarning
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.manifest import MANIFEST_SCHEMA
from training_pipeline.domain.refs import DatasetRef, SheetRef, SnapshotRef
from training_pipeline.domain.split_report import KeptSides, TextReport
from training_pipeline.domain.training_sheet import Reference
from training_pipeline.schemas.training_sheet import DryRun, Warned
from training_pipeline.schemas.training_sheet import ExportSummary as ShownSummary
from training_pipeline.urls import Urls

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
        "training_job": job_page(job, links),
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
        "training_job": job_page(job, links),
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
        "training_job": job_page(job, links),
    }


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


def job_page(job: TrainingJob, links: Urls) -> dg.MetadataValue[Any]:
    """The page of a training job."""
    return dg.MetadataValue.url(links.job(job.id))


def _warnings(warnings: Sequence[SheetWarning] | Sequence[Warned]) -> dg.MetadataValue[Any]:
    return dg.MetadataValue.md("\n".join(f"- {warning.message}" for warning in warnings) or "none")
