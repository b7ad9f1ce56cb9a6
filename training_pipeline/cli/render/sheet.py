"""Training sheets and the reports of `sheets check`, for a terminal and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from training_pipeline.cli.render import job
from training_pipeline.domain.export_summary import restriction_in_words
from training_pipeline.domain.rules.examples.chat_format import Severity
from training_pipeline.schemas.sheet_contents import TrainingSheetLifting
from training_pipeline.schemas.training_sheet import Reference, TrainingSheetDetails
from training_pipeline.sheets.files.checking import CheckReport


def report_as_json(data: Path, report: CheckReport) -> dict[str, Any]:
    """The report as plain JSON values; `line` is null for what concerns the whole file."""
    problems = [{"severity": str(problem.severity), **asdict(problem)} for problem in report.problems]
    totals = {"rows": report.rows, "errors": report.errors, "warnings": report.warnings}
    return {"file": str(data), **totals, "counts": report.counts, "problems": problems, "not_shown": report.not_shown}


def show_report(console: Console, data: Path, report: CheckReport) -> None:
    """Print the first problems, the counts of all problems, and whether the sheet is usable."""
    if report.problems:
        table = Table(box=None, header_style="dim", title=data.name, title_justify="left")
        table.add_column("line", justify="right")
        for column in ("where", "code", "problem"):
            table.add_column(column, overflow="fold")
        for problem in report.problems:
            color = "red" if problem.severity is Severity.ERROR else "yellow"
            line = "" if problem.line is None else str(problem.line)
            table.add_row(line, problem.path, Text(problem.code, color), problem.message)
        console.print(table)
    if report.not_shown:
        console.print(f"{report.not_shown:,} more are not shown. Show more with --limit.", style="dim")
    if report.counts:
        counts = Table(box=None, header_style="dim")
        counts.add_column("code")
        counts.add_column("count", justify="right")
        for code, count in report.counts.items():
            counts.add_row(code, f"{count:,}")
        console.print(counts)
    verdict = f"{report.rows:,} rows, {report.errors:,} errors, {report.warnings:,} warnings."
    console.print(verdict, style="red" if report.errors else "yellow" if report.warnings else "green")


def sheet_details(sheet: TrainingSheetDetails) -> RenderableType:
    """A sheet's head and its export summary."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column()
    grid.add_row("training sheet", f"{sheet.name} ({sheet.id})")
    note = "" if sheet.trainable else ": cannot be trained on until it is approved"
    grid.add_row("status", f"{sheet.status}{note}")
    grid.add_row("source sheet", _reference(sheet.source_sheet))
    grid.add_row("prompt template", _reference(sheet.prompt_template))
    if sheet.tags:
        grid.add_row("tags", ", ".join(sheet.tags))
    if sheet.owner:
        grid.add_row("owner", sheet.owner)
    if sheet.exclude_near_held_out:
        grid.add_row("excludes", "pairs that nearly ask a held-out question")
    if sheet.evaluate_on:
        judge = f", with the judge {sheet.evaluate_judge}" if sheet.evaluate_judge else ""
        grid.add_row("evaluated on", f"{sheet.evaluate_on}{judge}")
    grid.add_row("version", sheet.digest[:16])
    return Group(grid, job.of_gates(sheet.export_summary))


def what_lifting_adds(found: TrainingSheetLifting) -> RenderableType:
    """Each restriction, and what could be trained and validated on without it."""
    heading = Text(f"{found.eligible:,} pairs may be trained on, {found.may_validate:,} of them validated on.")
    if not found.restrictions:
        return Group(heading, Text("No pair has a restriction that could be lifted."))
    table = Table(box=None, header_style="dim")
    table.add_column("without", overflow="fold")
    for column in ("pairs", "would add", "for validation"):
        table.add_column(column, justify="right")
    for one in found.restrictions:
        table.add_row(
            Text(restriction_in_words(one.by, one.name)),
            *(f"{one.pairs:,}", f"{one.added:+,}", f"{one.may_validate:+,}"),
        )
    return Group(heading, table)


def _reference(reference: Reference) -> str:
    version = f" {reference.version}" if reference.version else ""
    return f"{reference.name or reference.id}{version}"
