"""A finished training job in a terminal, and the badges, facts and figures that other views of jobs share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from training_pipeline.cli.user import caller
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.lineage import ancestry
from training_pipeline.schemas.training_job import TrainingJob as PublicJob
from training_pipeline.training_jobs.store.events import EventType
from training_pipeline.urls import Urls

if TYPE_CHECKING:
    from training_pipeline.backends.results import AnsweredQuestion
    from training_pipeline.domain.export_summary import ExportSummary
    from training_pipeline.domain.job import TrainingJob
    from training_pipeline.domain.lineage import LineageRecord
    from training_pipeline.domain.refs import DatasetRef
    from training_pipeline.schemas.event import TrainingJobEvent
    from training_pipeline.schemas.training_sheet import ExportSummary as PublicSummary
    from training_pipeline.settings import Settings

COLOURS = {
    JobStatus.PENDING: "white",
    JobStatus.QUEUED: "yellow",
    JobStatus.RUNNING: "cyan",
    JobStatus.SUCCEEDED: "green",
    JobStatus.FAILED: "red",
    JobStatus.CANCELLED: "magenta",
    JobStatus.TIMEOUT: "red",
}


def badge(status: JobStatus) -> Text:
    """The status in its colour."""
    return Text(str(status), style=f"bold {COLOURS[status]}")


def figure(value: float | None, digits: int = 3) -> str:
    """A number for people; a dash where there is none."""
    if value is None:
        return "-"
    return f"{value:.{digits}f}" if value == 0 or abs(value) >= 10**-digits else f"{value:.1e}"


def event_line(event: TrainingJobEvent) -> Text:
    """An event in a line: when, by this machine's clock, and what."""
    style = "red" if event.type is EventType.ERROR else ""
    return Text.assemble((f"{event.created_at.astimezone():%H:%M:%S}  ", "dim"), (event.message, style))


def facts() -> Table:
    """A grid of names and values."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    return grid


def of_gates(summary: ExportSummary | PublicSummary) -> RenderableType:
    """The export summary, with the usage reasons that the stewards gave."""
    head = Text.assemble(
        ("Approved: ", "dim"),
        (str(summary.labeled), "bold"),
        ("  |  Training allowed: ", "dim"),
        (str(summary.training_allowed), "bold green"),
        ("  |  Training prohibited: ", "dim"),
        (str(summary.training_prohibited), "bold red"),
    )
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("excluded because")
    table.add_column("usage reason")
    table.add_column("pairs", justify="right")
    for row in summary.reasons:
        table.add_row(str(row.reason), Text(row.usage_reason or "-"), str(row.count))
    foot = Text(f"{summary.total} pairs = {summary.eligible} included + {sum(summary.excluded.values())} excluded")
    warnings = [Text(f"! {warning.message}", style="yellow") for warning in summary.warnings]
    return Panel(Group(head, Text(), table, Text(), foot, *warnings), title="Export summary", title_align="left")


def of_result(job: TrainingJob, dataset: DatasetRef, first_loss: float | None) -> RenderableType:
    """Split, losses, accuracies and the model version."""
    report, custom = dataset.report, job.result.custom_metrics or {}
    grid = facts()
    grid.add_row("job", Text.assemble(job.id, "  ", badge(job.status)))
    grid.add_row(
        "split",
        f"{report.train} train + {report.validation} validation "
        f"(requested {report.requested_ratio:.0%}, achieved {report.achieved_ratio:.1%})",
    )
    grid.add_row("training loss", f"{figure(first_loss)} → {figure(job.progress.train_loss)}")
    grid.add_row("validation loss", f"{figure(custom.get('val_loss_before'))} → {figure(job.progress.val_loss)}")
    grid.add_row(
        "token accuracy",
        f"{figure(job.progress.val_accuracy)} on validation, {figure(job.progress.train_accuracy)} in training",
    )
    if "exact_match_after" in custom:
        before, after = custom.get("exact_match_before"), custom["exact_match_after"]
        grid.add_row("exact match", f"{figure(before, 2)} → {figure(after, 2)} of the validation questions")
    grid.add_row("steps, tokens", f"{job.progress.current_step} steps, {job.result.tokens_processed or 0:,} tokens")
    grid.add_row(
        "model",
        f"{job.result.uc_model_name} version {job.result.uc_model_version}"
        if job.result.uc_model_version
        else "artifact",
    )
    return Panel(grid, title="Result", title_align="left")


def of_lineage(job: TrainingJob, record: LineageRecord) -> RenderableType:
    """The chain from the source sheet to the model version."""
    model = (
        f"{job.result.uc_model_name or job.request.model_name} version {job.result.uc_model_version or '(artifact)'}"
    )
    template = f"{record.template_name} ({record.template_id}, {record.template_version})"
    sheet = f"{record.training_sheet_name} ({record.training_sheet_id}, {record.training_sheet_digest[:12]})"
    chain = {
        "source sheet": f"{record.sheet_name} ({record.sheet_id}, {record.sheet_version})",
        "prompt template": template,
        "training sheet": sheet,
        "gates": f"policy {record.gate_policy_version}, verdicts {record.snapshot_digest[:12]}",
        "dataset": record.dataset_digest[:12],
        "base model": f"{job.request.base_model} ({ancestry(record.base_model)})",
        "model": model,
    }
    lines = [
        Text.assemble("   " * depth + ("└─ " if depth else ""), (f"{name}  ", "dim"), what)
        for depth, (name, what) in enumerate(chain.items())
    ]
    proof = (
        f"{len(record.assets)} assets in Dagster under partition {job.id}. The verdict on each pair is in the manifest:"
    )
    foot = [Text(proof, style="dim"), Text(f"{record.dataset_path}/manifest.parquet", style="dim", overflow="fold")]
    return Panel(Group(*lines, Text(), *foot), title="Lineage", title_align="left")


def of_answers(asked: Sequence[AnsweredQuestion]) -> RenderableType:
    """A few validation questions with the model's answers before and after."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("question", "expert", "before", "after"):
        table.add_column(column, overflow="fold")
    for each in asked:
        answer = (each.after or "").strip()
        after = Text(answer[:60], style="green" if answer == each.expected.strip() else "red")
        before = Text((each.before or "").strip()[:40], style="dim")
        table.add_row(Text(each.question), Text(each.expected), before, after)
    return Panel(table, title="Sample answers", title_align="left")


def public(job: TrainingJob, settings: Settings) -> PublicJob:
    """The job as clients see it."""
    return PublicJob.of(job, caller(), Urls.of(settings))


def as_json(job: TrainingJob, settings: Settings) -> str:
    """The job as the REST API answers it."""
    return public(job, settings).model_dump_json(indent=2)
