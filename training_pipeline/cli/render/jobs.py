"""Training jobs as the REST API answers them, for a terminal: the list, one of them, its events, a plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training_pipeline.cli.render import advice, estimate, notes
from training_pipeline.cli.render.job import badge, event_line, facts, figure, of_gates
from training_pipeline.cli.render.progress import clock, reached
from training_pipeline.domain.training_config import TrainingConfig

if TYPE_CHECKING:
    from training_pipeline.schemas.advice import TrainingJobAdvice
    from training_pipeline.schemas.event import TrainingJobEventPage
    from training_pipeline.schemas.training_job import TrainingJob, TrainingJobPage
    from training_pipeline.schemas.training_sheet import DryRun


def table(page: TrainingJobPage) -> RenderableType:
    """Jobs, one per line."""
    shown = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    # In a narrow terminal only columns that may wrap are made narrower: ids and statuses are never cut off.
    for column in ("job", "status"):
        shown.add_column(column, no_wrap=True)
    shown.add_column("", justify="right", no_wrap=True)
    for column in ("sheet", "model"):
        shown.add_column(column)
    shown.add_column("loss", justify="right", no_wrap=True)
    shown.add_column("by")
    tagged = any(job.tags for job in page.jobs)
    if tagged:
        shown.add_column("tags")
    for job in page.jobs:
        shown.add_row(
            job.id,
            badge(job.status),
            f"{job.progress_percent:.0f} %",
            _cut(job.training_sheet_id),
            _cut(_model(job)),
            figure(job.train_loss),
            _cut(job.created_by),
            *([notes.some(job.tags)] if tagged else []),
        )
    return Group(shown, *more(len(page.jobs), page.total, page.next_cursor))


def details(job: TrainingJob, happened: TrainingJobEventPage, advised: TrainingJobAdvice) -> RenderableType:
    """One job: configuration, progress, result, what its figures say, and its last events."""
    grid = facts()
    grid.add_row("job", Text.assemble(job.id, "  ", badge(job.status)))
    grid.add_row("training sheet", Text(f"{job.training_sheet_name} ({job.training_sheet_id})"))
    grid.add_row("base model", Text(f"{job.base_model}, {job.backend} backend"))
    grid.add_row("model", Text(_model(job)))
    grid.add_row("pairs", _pairs(job))
    grid.add_row("progress", f"{job.progress_percent:.0f} %  {reached(job)}")
    grid.add_row("loss", f"{figure(job.train_loss)}, validation {figure(job.val_loss)}")
    grid.add_row("configuration", _configuration(job.training_config))
    by = f"{job.created_by}, {job.created_at.astimezone():%Y-%m-%d %H:%M:%S}"
    grid.add_row("created by", Text(by if job.retry_of is None else f"{by}, as a retry of {job.retry_of}"))
    if job.note:
        grid.add_row("note", Text(job.note))
    if job.tags:
        grid.add_row("tags", Text(", ".join(job.tags)))
    if job.duration_seconds is not None:
        grid.add_row("trained for", clock(job.duration_seconds))
    if advised.estimate is not None and advised.estimate.time.middle is not None:
        grid.add_row("estimated", Text(estimate.time(advised.estimate)))
    if (cost := estimate.actual_cost(advised.actual_cost)) is not None:
        grid.add_row("cost", Text(cost))
    if advised.estimate is not None and advised.estimate.cost.middle is not None:
        grid.add_row("estimated cost", Text(estimate.cost(advised.estimate)))
    if job.cancel_requested_by is not None:
        grid.add_row("cancelled by", Text(f"{job.cancel_requested_by}: {job.cancel_reason}"))
    if job.error_message:
        grid.add_row("cause", Text(job.error_message, style="red"))
    if job.advice:
        grid.add_row("what to do", Text(job.advice))
    if otherwise := advice.not_taken(advised.advice):
        grid.add_row("advised", Text(otherwise))
    if advised.findings:
        grid.add_row("findings", advice.findings(advised.findings, job))
    if job.allowed_actions:
        grid.add_row("actions", ", ".join(job.allowed_actions))
    lines = [event_line(event) for event in reversed(happened.events)]
    left = happened.total - len(lines)
    foot = [Text(f"the last {len(lines)} of {happened.total} events", style="dim")] if left else []
    return Group(grid, Text(), *lines, *foot)


def events(page: TrainingJobEventPage) -> RenderableType:
    """Events, newest first, with who caused them."""
    shown = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("time", "type", "by"):
        shown.add_column(column, no_wrap=True)
    shown.add_column("what happened", overflow="fold")
    for event in page.events:
        style = "red" if event.type == "error" else ""
        when = f"{event.created_at.astimezone():%Y-%m-%d %H:%M:%S}"
        shown.add_row(when, str(event.type), Text(event.actor), Text(event.message, style=style))
    return Group(shown, *more(len(page.events), page.total, page.next_cursor))


def created(job: TrainingJob) -> RenderableType:
    """The message after a job was created: its id, its pairs, and how to follow it."""
    said = "created" if job.retry_of is None else f"created as a retry of {job.retry_of}"
    counted = f"; {job.eligible_pairs} of {job.total_pairs} pairs may be trained on" if job.pairs_counted else ""
    return Group(
        Text.assemble((job.id, "bold"), f": {said}, from {job.base_model}{counted}."),
        Text(f"Follow it with `training-pipeline jobs watch {job.id}`.", style="dim"),
    )


def plan(found: DryRun) -> RenderableType:
    """The plan of a dry run."""
    split = found.split
    grid = facts()
    grid.add_row("training sheet", Text(f"{found.training_sheet_name} ({found.training_sheet_id})"))
    grid.add_row("base model", Text(found.base_model))
    grid.add_row(
        "split",
        f"{split.train} train + {split.validation} validation (requested {split.requested_ratio:.0%}, "
        f"achieved {split.achieved_ratio:.1%}; {split.components} groups kept together, the largest with "
        f"{split.largest_component} pairs)",
    )
    if split.kept is not None:
        grid.add_row(
            "sides kept",
            f"of {split.kept.job_id}: {split.kept.kept} pairs stay, {split.kept.new} are new, {split.kept.moved} go to "
            "training",
        )
    grid.add_row("steps", f"{found.planned_steps:,} at most")
    grid.add_row("training time", Text(estimate.time(found.estimate)))
    grid.add_row("cost", Text(estimate.cost(found.estimate)))
    grid.add_row("configuration", _configuration(found.training_config))
    known = {warning.code for warning in found.export_summary.warnings}
    warnings = [Text(f"! {warning.message}", style="yellow") for warning in found.warnings if warning.code not in known]
    advised = advice.advice(found.advice, whole=False)
    end = Text("Dry run: nothing was stored.", style="dim")
    return Group(of_gates(found.export_summary), grid, *warnings, *advised, end)


def _cut(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ellipsis")


def _model(job: TrainingJob) -> str:
    return f"{job.uc_model_name or job.model_name} {job.uc_model_version or ''}".strip()


def _configuration(config: Mapping[str, Any]) -> Text:
    """Every key with its value, in the order of the documentation; keys of another release at the end."""
    known = {key: config[key] for key in TrainingConfig.model_fields if key in config}
    return Text(", ".join(f"{key}={value}" for key, value in {**known, **config}.items()))


def _pairs(job: TrainingJob) -> str:
    if not job.pairs_counted:
        return "not counted yet"
    counted = f"{job.total_pairs} total, {job.eligible_pairs} may be trained on"
    split = f": {job.train_pairs} train + {job.val_pairs} validation" if job.train_pairs is not None else ""
    return counted + split


def more(shown: int, total: int, cursor: str | None) -> list[Text]:
    """How to see the rest of a list, where there is more."""
    if cursor is None:
        return []
    return [go_on(f"{shown} of {total}. Show more with --limit, or the next page with --cursor {cursor}")]


def go_on(text: str) -> Text:
    """A line with a cursor. It is not wrapped, so that the cursor can be copied in one piece."""
    return Text(text, style="dim", no_wrap=True, overflow="ignore")
