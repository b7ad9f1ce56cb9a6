"""`training-pipeline sheets`: list, check, preview, import and review training sheets."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from training_pipeline.app.sheet_source import file_sheets, sheet_source
from training_pipeline.backends.rehearsal import would_fail
from training_pipeline.cli.commands import sheets_edit, sheets_show, sheets_versions
from training_pipeline.cli.commands.sheets_check_training import check_training, show_training
from training_pipeline.cli.commands.sheets_import import import_file, mapping_in
from training_pipeline.cli.render.imported import found_as_json, show_found
from training_pipeline.cli.render.sheet import report_as_json, show_report
from training_pipeline.cli.render.terminal import terminal
from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.rules.examples.chat_format import STATED_AT_IMPORT, Severity
from training_pipeline.domain.training_sheet import Reference, SheetStatus
from training_pipeline.infra.files import is_file
from training_pipeline.settings import Settings
from training_pipeline.sheets.files.checking import check as check_file
from training_pipeline.sheets.files.source import SUFFIXES, FileTrainingSheets
from training_pipeline.sheets.files.structure import unreadable
from training_pipeline.sheets.head import Head, read_head
from training_pipeline.sheets.importing.convert import Conversion
from training_pipeline.sheets.importing.importer import examine
from training_pipeline.sheets.importing.mapping import ColumnMapping
from training_pipeline.sheets.importing.reading.arrow import is_saved
from training_pipeline.sheets.importing.request import ImportRequest

app = typer.Typer(help="List, check, preview, import and review training sheets.", no_args_is_help=True)
app.command("import")(import_file)
sheets_show.add_to(app)
sheets_edit.add_to(app)
sheets_versions.add_to(app)

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
        table.add_row(
            sheet_id, Text.assemble(("cannot be read", "red"), f", run: training-pipeline sheets check {sheet_id}")
        )
    console = terminal()
    console.print(table)
    for error in broken.values():
        for problem in error.problems:
            console.print(f"{problem.pointer} {problem.message}", style="dim", highlight=False)


@app.command()
def check(
    sheet: Annotated[
        str, typer.Argument(help="A training sheet's id, or a file of any known format.", metavar="ID|FILE")
    ],
    limit: Annotated[int, typer.Option(min=0, help="Maximum number of problems to show; all are counted.")] = 50,
    mapping: Annotated[
        Path | None, typer.Option(help="For a file that is not a training sheet yet: how to read it.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="A folder saved by `datasets`: name of the split.")] = None,
    base_model: Annotated[
        str | None,
        typer.Option(help="For a training sheet: also report what a training of this base model would refuse."),
    ] = None,
    max_length: Annotated[
        int | None,
        typer.Option(min=1, help="For a training sheet: also report what a training at this length would cut."),
    ] = None,
    json: Json = False,
) -> None:
    """Report every problem of every row; the exit code is 1 if there is an error."""
    asks_training = base_model is not None or max_length is not None
    if asks_training and Path(sheet).suffix in (*SUFFIXES, ".yaml"):
        flag = "--max-length" if base_model is None else "--base-model"
        raise typer.BadParameter("needs a training sheet's id: import the file first.", param_hint=flag)
    if (foreign := _foreign(Path(sheet), mapping, split)) is not None:
        _check_foreign(foreign, limit, json=json)
        return
    settings = Settings()
    source = file_sheets(settings)
    data, head = _files(source, sheet)
    report = check_file(data, head, limit=limit)
    training = None
    if asks_training and not report.errors:
        training = check_training(settings, source, sheet, base_model, max_length)
    if json:
        said = {} if training is None else {"training": [each.model_dump(mode="json") for each in training]}
        typer.echo(jsonlib.dumps(report_as_json(data, report) | said))
    else:
        show_report(terminal(), data, report)
        show_training(terminal(), training)
    if report.errors or would_fail(training or ()):
        raise typer.Exit(1)


def _foreign(file: Path, mapping: Path | None, split: str | None) -> Conversion | None:
    """A file that is no training sheet yet; null for one that is, and for what is no file at all."""
    if not (is_file(file) or is_saved(file)) or file.suffix == ".yaml":
        return None
    if file.with_name(file.stem.partition("@")[0] + ".yaml").exists() and file.suffix in SUFFIXES:
        return None
    read = mapping_in(mapping) if mapping is not None else ColumnMapping()
    read = read if split is None else read.with_(ColumnMapping(split=split))
    conversion = examine(ImportRequest(file=file, id="checked", mapping=read))
    has_ids = not conversion.tally.columns.keys().isdisjoint({"pair_id", "item_ref"})
    is_ours = has_ids and mapping is None and file.suffix in SUFFIXES and not conversion.format.status_words
    return None if is_ours else conversion


def _check_foreign(conversion: Conversion, limit: int, *, json: bool) -> None:
    for _ in conversion.pairs():
        pass
    refusals = list(conversion.refusals())
    conversion.tally.findings.drop(STATED_AT_IMPORT)  # what no file says is asked for when it is imported
    if json:
        found = found_as_json(conversion)
        found["to_be_said"] = [{"option": one.pointer, "code": one.code, "message": one.message} for one in refusals]
        typer.echo(jsonlib.dumps(found))
    else:
        console = terminal()
        show_found(console, conversion, limit=limit)
        for one in refusals:
            console.print(f"{one.pointer}: {one.message}", style="red", highlight=False)
    tally = conversion.tally
    if refusals or len(tally.faults) or tally.findings.count(Severity.ERROR) or not tally.sound:
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
    yaml = path.with_name(path.stem.partition("@")[0] + ".yaml")
    head = read_head(yaml) if yaml.is_file() else _silent_head(path.stem)
    if not isinstance(head, Head):
        raise unreadable(path.stem, yaml.name, head)
    return path, head


def _silent_head(name: str) -> Head:
    unnamed = Reference(id="unnamed")
    return Head(name=name, status=SheetStatus.REVIEW, source_sheet=unnamed, prompt_template=unnamed)
