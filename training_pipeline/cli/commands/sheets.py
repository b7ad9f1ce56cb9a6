"""`training-pipeline sheets`: list, check, preview and import training sheets."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from training_pipeline.app.sheet_source import file_sheets, sheet_source
from training_pipeline.cli.render.sheet import report_as_json, show_head, show_report
from training_pipeline.datasets.preview import preview as preview_lines
from training_pipeline.datasets.summary import export_summary
from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.training_sheet import TRAINABLE_SHEETS, Reference, SheetStatus
from training_pipeline.domain.usage import DataClassification
from training_pipeline.settings import Settings
from training_pipeline.sheets.files.checking import check as check_file
from training_pipeline.sheets.files.source import SUFFIXES, FileTrainingSheets
from training_pipeline.sheets.files.structure import unreadable
from training_pipeline.sheets.head import Head, read_head
from training_pipeline.sheets.importing.importer import import_sheet
from training_pipeline.sheets.importing.request import ImportRequest

app = typer.Typer(help="List, check, preview and import training sheets.", no_args_is_help=True)

SheetId = Annotated[str, typer.Argument(help="The training sheet's id.", metavar="ID")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_sheets(json: Json = False) -> None:
    """List training sheets, including the bundled sample."""
    sheets = sheet_source(Settings())
    heads = sheets.list()
    broken = sheets.unreadable() if isinstance(sheets, FileTrainingSheets) else {}
    if json:
        listed = [head.model_dump(mode="json") for head in heads]
        typer.echo(jsonlib.dumps({"training_sheets": listed, "unreadable": sorted(broken)}))
        return
    table = Table(box=None, header_style="dim")
    for column in ("training sheet", "name", "status", "source sheet", "prompt template", "tags"):
        table.add_column(column)
    for head in heads:
        source, template = (reference.name or reference.id for reference in (head.source_sheet, head.prompt_template))
        table.add_row(head.id, head.name, head.status, source, template, ", ".join(head.tags))
    for sheet_id in sorted(broken):
        table.add_row(sheet_id, f"[red]cannot be read[/], run: training-pipeline sheets check {sheet_id}")
    Console().print(table)


@app.command()
def show(sheet_id: SheetId, json: Json = False) -> None:
    """Show a training sheet: its sources, how many pairs may be trained on, and why others may not."""
    settings = Settings()
    with sheet_source(settings).open(sheet_id) as opened:
        sheet, summary = opened.sheet, export_summary(opened, settings.gate_policy)
    if json:
        both = {"training_sheet": sheet.model_dump(mode="json"), "digest": opened.digest}
        typer.echo(jsonlib.dumps({**both, "export_summary": summary.model_dump(mode="json")}))
        return
    show_head(Console(), sheet, opened.digest, summary)


@app.command()
def preview(
    sheet_id: SheetId,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Maximum number of lines.")] = 5,
) -> None:
    """Print the training data as JSONL: only pairs that pass both gates."""
    settings = Settings()
    with sheet_source(settings).open(sheet_id) as opened:
        if opened.sheet.status not in TRAINABLE_SHEETS:
            typer.echo(f"This sheet cannot be trained on while its status is '{opened.sheet.status}'.", err=True)
        for line in preview_lines(opened, settings.gate_policy, limit):
            typer.echo(line)


@app.command()
def check(
    sheet: Annotated[str, typer.Argument(help="A training sheet's id, or a file.", metavar="ID|FILE")],
    limit: Annotated[int, typer.Option(min=0, help="Maximum number of problems to show; all are counted.")] = 50,
    json: Json = False,
) -> None:
    """Report every problem of every row; the exit code is 1 if there is an error."""
    data, head = _files(file_sheets(Settings()), sheet)
    report = check_file(data, head, limit=limit)
    if json:
        typer.echo(jsonlib.dumps(report_as_json(data, report)))
    else:
        show_report(Console(), data, report)
    if report.errors:
        raise typer.Exit(1)


def _files(sheets: FileTrainingSheets, named: str) -> tuple[Path, Head]:
    """The file of pairs and its head. A file without a head is checked with an empty head."""
    path = Path(named)
    if path.suffix not in (*SUFFIXES, ".yaml"):
        files = sheets.files(named)
        return files.data, files.head
    if not path.is_file():
        raise NotFound(
            f"There is no file {path}.", hint="Give a training sheet's id, or a .jsonl, .csv or .parquet file."
        )
    if path.suffix == ".yaml":
        files = FileTrainingSheets([path.absolute().parent]).files(path.stem)
        return files.data, files.head
    yaml = path.with_suffix(".yaml")
    head = read_head(yaml) if yaml.is_file() else _silent_head(path.stem)
    if not isinstance(head, Head):
        raise unreadable(path.stem, yaml.name, head)
    return path, head


def _silent_head(name: str) -> Head:
    unnamed = Reference(id="unnamed")
    return Head(name=name, status=SheetStatus.REVIEW, source_sheet=unnamed, prompt_template=unnamed)


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A .jsonl, .csv or .parquet file.", metavar="FILE")],
    sheet_id: Annotated[str, typer.Option("--id", help="Id of the new training sheet.")],
    name: Annotated[str | None, typer.Option(help="Its name. Default: the id.")] = None,
    sheet_status: Annotated[SheetStatus | None, typer.Option(help="Status of the training sheet.")] = None,
    status: Annotated[str | None, typer.Option(help="Status of every pair, such as labeled.")] = None,
    status_column: Annotated[str | None, typer.Option(help="Column with each pair's status.")] = None,
    allow: Annotated[list[str] | None, typer.Option(help="Use allowed for every pair; may be repeated.")] = None,
    allowed_uses_column: Annotated[str | None, typer.Option(help="Column with each pair's allowed uses.")] = None,
    prohibit: Annotated[
        list[str] | None, typer.Option(help="Use prohibited for every pair, or none; may be repeated.")
    ] = None,
    prohibited_uses_column: Annotated[str | None, typer.Option(help="Column with each pair's prohibited uses.")] = None,
    classification: Annotated[DataClassification | None, typer.Option(help="Classification of every pair.")] = None,
    classification_column: Annotated[str | None, typer.Option(help="Column with each pair's classification.")] = None,
    usage_reason: Annotated[str | None, typer.Option(help="Reason for the allowed and prohibited uses.")] = None,
    question_column: Annotated[str | None, typer.Option(help="Column of the questions. Default: `question`.")] = None,
    answer_column: Annotated[str | None, typer.Option(help="Column of the answers. Default: `answer`.")] = None,
    system_column: Annotated[str | None, typer.Option(help="Column of system messages. Default: `system`.")] = None,
    pair_id_column: Annotated[str | None, typer.Option(help="Column of pair ids. Default: numbered rows.")] = None,
    item_column: Annotated[
        str | None, typer.Option(help="Column of the source items. Default: one item per pair.")
    ] = None,
    label_column: Annotated[str | None, typer.Option(help="Column of canonical label ids.")] = None,
    reviewed_by: Annotated[str | None, typer.Option(help="Who reviewed the pairs.")] = None,
    constraints_set_by: Annotated[str | None, typer.Option(help="Who decided on their allowed uses.")] = None,
    source_name: Annotated[str | None, typer.Option(help="Name of the source sheet.")] = None,
    source_id: Annotated[str | None, typer.Option(help="Its id. Default: the name.")] = None,
    source_version: Annotated[str, typer.Option(help="Its version.")] = "",
    template_name: Annotated[str | None, typer.Option(help="Name of the prompt template.")] = None,
    template_id: Annotated[str | None, typer.Option(help="Its id. Default: the name.")] = None,
    template_version: Annotated[str, typer.Option(help="Its version.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="Tag of the source table, as PHI; may be repeated.")] = None,
    owner: Annotated[str, typer.Option(help="Owner of the training sheet.")] = "",
    description: Annotated[str, typer.Option(help="Description of the training sheet.")] = "",
    delimiter: Annotated[str, typer.Option(help="CSV: field separator.")] = ",",
    list_separator: Annotated[str, typer.Option(help="CSV: separator between the words of a list.")] = ";",
    replace: Annotated[bool, typer.Option("--replace", help="Replace an existing sheet with this id.")] = False,
) -> None:
    """Create a training sheet from a file. Allowed uses must be given: nothing is allowed by default."""
    settings = Settings()
    request = ImportRequest(
        file=file,
        id=sheet_id,
        name=name,
        sheet_status=sheet_status,
        status=status,
        status_column=status_column,
        allow=tuple(allow or ()),
        allowed_uses_column=allowed_uses_column,
        prohibit=tuple(prohibit or ()),
        prohibited_uses_column=prohibited_uses_column,
        classification=classification,
        classification_column=classification_column,
        usage_reason=usage_reason,
        question_column=question_column,
        answer_column=answer_column,
        system_column=system_column,
        pair_id_column=pair_id_column,
        item_column=item_column,
        label_column=label_column,
        reviewed_by=reviewed_by,
        constraints_set_by=constraints_set_by,
        source=_reference(source_id, source_name, source_version),
        template=_reference(template_id, template_name, template_version),
        tags=tuple(tag or ()),
        owner=owner,
        description=description,
        delimiter=delimiter,
        list_separator=list_separator,
    )
    imported = import_sheet(request, settings.sheets, overwrite=replace)
    report = check_file(imported.data, imported.head, limit=0)
    console = Console()
    console.print(f"Training sheet [bold]{sheet_id}[/] has {imported.rows:,} pairs: {imported.head_file}")
    if imported.left_out:
        console.print(f"Columns not imported: {', '.join(imported.left_out)}", style="dim")
    if report.errors or report.warnings:
        found = f"{report.errors:,} errors and {report.warnings:,} warnings"
        console.print(f"[yellow]{found}[/]; see training-pipeline sheets check {sheet_id}")
    console.print(f"See what may be trained on: training-pipeline sheets show {sheet_id}")


def _reference(identifier: str | None, name: str | None, version: str) -> Reference | None:
    if not (identifier or name):
        return None
    return Reference(id=identifier or name or "", name=name or "", version=version)
