"""`training-pipeline sheets import`: a training sheet of a file that somebody has."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.text import Text

from training_pipeline.cli.commands.fetched import request_for
from training_pipeline.cli.render.imported import found_as_json, show_found
from training_pipeline.cli.render.terminal import terminal
from training_pipeline.domain.errors import FieldProblem, InvalidRequest, Unavailable
from training_pipeline.domain.rules.examples.chat_format import Severity
from training_pipeline.domain.training_sheet import Reference, SheetStatus
from training_pipeline.domain.usage import DataClassification
from training_pipeline.domain.validation import problems_from_validation
from training_pipeline.infra.files import replace_file
from training_pipeline.settings import Settings
from training_pipeline.sheets.importing.importer import dry, import_sheet
from training_pipeline.sheets.importing.mapping import ColumnMapping, read_mapping, write_mapping
from training_pipeline.sheets.importing.request import ImportRequest


def import_file(
    file: Annotated[
        str,
        typer.Argument(
            help="A JSONL, JSON, CSV, TSV, Excel, Parquet or Arrow file, a folder saved by `datasets`, or one with a "
            "Delta or Iceberg table; or a URL of a file or table in a bucket: s3://, gs://, abfss:// or az://; or "
            "catalog://NAME/namespace.table of Iceberg.",
            metavar="FILE|URL",
        ),
    ],
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
    usage_reason_column: Annotated[str | None, typer.Option(help="Column with each pair's reason.")] = None,
    question_column: Annotated[
        list[str] | None,
        typer.Option(help="Column of the questions. Repeated: joined by a blank line. Default: recognised."),
    ] = None,
    answer_column: Annotated[str | None, typer.Option(help="Column of the answers. Default: recognised.")] = None,
    system_column: Annotated[str | None, typer.Option(help="Column of system messages. Default: `system`.")] = None,
    pair_id_column: Annotated[str | None, typer.Option(help="Column of pair ids. Default: numbered rows.")] = None,
    item_column: Annotated[
        str | None, typer.Option(help="Column of the source items. Default: one item per pair.")
    ] = None,
    label_column: Annotated[str | None, typer.Option(help="Column of canonical label ids.")] = None,
    reviewed_by: Annotated[str | None, typer.Option(help="Who reviewed the pairs.")] = None,
    reviewed_at: Annotated[str | None, typer.Option(help="When they were reviewed, such as 2026-11-28.")] = None,
    reviewed_by_column: Annotated[str | None, typer.Option(help="Column with each pair's reviewer.")] = None,
    reviewed_at_column: Annotated[str | None, typer.Option(help="Column with the date of each review.")] = None,
    constraints_set_by: Annotated[str | None, typer.Option(help="Who decided on their allowed uses.")] = None,
    constraints_set_at: Annotated[str | None, typer.Option(help="When the uses were decided on.")] = None,
    constraints_set_by_column: Annotated[
        str | None, typer.Option(help="Column that says who decided on each pair's uses.")
    ] = None,
    constraints_set_at_column: Annotated[
        str | None, typer.Option(help="Column with the date of each decision.")
    ] = None,
    source_name: Annotated[str | None, typer.Option(help="Name of the source sheet.")] = None,
    source_id: Annotated[str | None, typer.Option(help="Its id. Default: the name.")] = None,
    source_version: Annotated[str, typer.Option(help="Its version.")] = "",
    template_name: Annotated[str | None, typer.Option(help="Name of the prompt template.")] = None,
    template_id: Annotated[str | None, typer.Option(help="Its id. Default: the name.")] = None,
    template_version: Annotated[str, typer.Option(help="Its version.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="Tag of the source table, as PHI; may be repeated.")] = None,
    owner: Annotated[str, typer.Option(help="Owner of the training sheet.")] = "",
    exclude_near_held_out: Annotated[
        bool, typer.Option("--exclude-near-held-out", help="Exclude pairs whose question nearly equals a held-out one.")
    ] = False,
    evaluate_on: Annotated[
        str, typer.Option(help="Evaluation suite on which every model trained on it is evaluated.")
    ] = "",
    evaluate_judge: Annotated[
        str, typer.Option(help="Judge of the answers in that evaluation, by its name in the settings.")
    ] = "",
    description: Annotated[str, typer.Option(help="Description of the training sheet.")] = "",
    data_format: Annotated[
        str, typer.Option("--format", help="Format of the rows, such as label-studio. Default: recognised.")
    ] = "auto",
    mapping: Annotated[
        Path | None, typer.Option(help="YAML that says how to read the file; options override it.")
    ] = None,
    save_mapping: Annotated[
        Path | None, typer.Option(help="Write how the file was read as YAML, to reuse it for the next file.")
    ] = None,
    map_value: Annotated[
        list[str] | None,
        typer.Option(help="What a word means, as allowed_uses:yes=training,validation; may be repeated."),
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Column to ignore; may be repeated.")] = None,
    choose: Annotated[
        str | None, typer.Option(help="Which annotation to use if an item has several: agree, latest or ground_truth.")
    ] = None,
    worksheet: Annotated[str | None, typer.Option(help="Excel: name of the worksheet, if there are several.")] = None,
    split: Annotated[
        str | None, typer.Option(help="A folder saved by `datasets`: name of the split, if there are several.")
    ] = None,
    delimiter: Annotated[str | None, typer.Option(help="CSV: field separator. Default: recognised.")] = None,
    list_separator: Annotated[str | None, typer.Option(help="CSV: separator between the words of a list.")] = None,
    table_version: Annotated[
        str | None, typer.Option(help="Version of a Delta table, or snapshot of an Iceberg table. Default: the latest.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report what was found without writing anything.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an existing sheet with this id.")] = False,
    discard_old: Annotated[
        bool, typer.Option("--discard-old", help="With --replace: do not keep the old sheet as a version.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Create a training sheet from a file. Allowed uses must be given: nothing is allowed by default."""
    columns = {
        "status": status_column,
        "allowed_uses": allowed_uses_column,
        "prohibited_uses": prohibited_uses_column,
        "data_classification": classification_column,
        "usage_reason": usage_reason_column,
        "question": question_column,
        "answer": answer_column,
        "system": system_column,
        "pair_id": pair_id_column,
        "item_ref": item_column,
        "canonical_label_id": label_column,
        "reviewed_by": reviewed_by_column,
        "reviewed_at": reviewed_at_column,
        "constraints_set_by": constraints_set_by_column,
        "constraints_set_at": constraints_set_at_column,
    }
    options = {
        "format": None if data_format == "auto" else data_format,
        "columns": {target: column for target, column in columns.items() if column},
        "values": _values(map_value or []),
        "ignore": tuple(ignore or ()),
        "choose": choose,
        "delimiter": delimiter,
        "list_separator": list_separator,
        "worksheet": worksheet,
        "split": split,
    }
    request = ImportRequest(
        file=Path(file),
        id=sheet_id,
        mapping=_mapping(mapping, {key: value for key, value in options.items() if value}),
        name=name,
        sheet_status=sheet_status,
        status=status,
        allow=tuple(allow or ()),
        prohibit=tuple(prohibit or ()),
        classification=classification,
        usage_reason=usage_reason,
        reviewed_by=reviewed_by,
        reviewed_at=reviewed_at,
        constraints_set_by=constraints_set_by,
        constraints_set_at=constraints_set_at,
        source=_reference(source_id, source_name, source_version),
        template=_reference(template_id, template_name, template_version),
        tags=tuple(tag or ()),
        owner=owner,
        exclude_near_held_out=exclude_near_held_out,
        evaluate_on=evaluate_on,
        evaluate_judge=evaluate_judge,
        description=description,
    )
    console, settings = terminal(), Settings()
    with request_for(file, request, settings, version=table_version) as (asked, guard):
        if dry_run:
            conversion = dry(asked, guard)
            if json:
                typer.echo(jsonlib.dumps(found_as_json(conversion)))
            else:
                show_found(console, conversion)
                console.print("Nothing was written: this was a dry run.")
            return
        imported = import_sheet(asked, settings.sheets, overwrite=replace, keep=not discard_old, guard=guard)
    conversion = imported.conversion
    if save_mapping is not None:
        _save(conversion.resolved(), save_mapping)
    if json:
        typer.echo(jsonlib.dumps({**found_as_json(conversion), "head": str(imported.head_file)}))
        return
    show_found(console, conversion)
    rows = f" has {imported.rows:,} pairs: {imported.head_file}"
    console.print(Text.assemble("Training sheet ", (sheet_id, "bold"), rows))
    errors, warnings = (conversion.tally.findings.count(severity) for severity in (Severity.ERROR, Severity.WARNING))
    if errors or warnings:
        found = f"{errors:,} errors and {warnings:,} warnings"
        console.print(Text.assemble((found, "yellow"), " in its rows."))
    console.print(f"To see every problem, including duplicate examples: training-pipeline sheets check {sheet_id}")
    console.print(f"See what may be trained on: training-pipeline sheets show {sheet_id}")


def _mapping(file: Path | None, options: dict[str, object]) -> ColumnMapping:
    """The mapping of the file with all that the options say."""
    try:
        given = ColumnMapping.model_validate(options)
    except ValidationError as error:
        found = problems_from_validation(error.errors(include_url=False))
        problems = [FieldProblem(_option(one.pointer), one.code, one.message) for one in found]
        raise InvalidRequest("The options cannot be used.", hint="See --help.", problems=problems) from None
    return given if file is None else mapping_in(file).with_(given)


def mapping_in(file: Path) -> ColumnMapping:
    """The mapping that a file holds; raises `InvalidRequest` where there is none. Reads only."""
    try:
        return read_mapping(file.read_bytes(), file.name)
    except OSError as error:
        problem = FieldProblem("--mapping", "missing_file", f"{file} cannot be read: {error.strerror}")
        raise InvalidRequest("The mapping cannot be used.", hint="Give a file.", problems=[problem]) from None


def _save(mapping: ColumnMapping, file: Path) -> None:
    try:
        replace_file(file, write_mapping(mapping))
    except OSError as error:
        raise Unavailable(
            f"The sheet was made, and {file} cannot be written: {error.strerror}.", hint="Give another --save-mapping."
        ) from None


def _option(pointer: str) -> str:
    name = pointer.strip("/").partition("/")[0].replace("_", "-")
    return {"values": "--map-value", "columns": "--question-column and the like"}.get(name, f"--{name}")


def _values(given: list[str]) -> dict[str, dict[str, str]]:
    """`allowed_uses:yes=training,validation` as target, word and meaning."""
    values: dict[str, dict[str, str]] = {}
    problems = []
    for one in given:
        target, colon, rest = one.partition(":")
        word, equals, meaning = rest.rpartition("=")
        if not (colon and equals and word):
            expected = "is not of the form COLUMN:WORD=MEANING, such as allowed_uses:yes=training,validation"
            problems.append(FieldProblem("--map-value", "invalid", f"'{one[:60]}' {expected}"))
        values.setdefault(target.strip(), {})[word.strip()] = meaning
    if problems:
        raise InvalidRequest("The options cannot be used.", hint="See --help.", problems=problems)
    return values


def _reference(identifier: str | None, name: str | None, version: str) -> Reference | None:
    if not (identifier or name):
        return None
    return Reference(id=identifier or name or "", name=name or "", version=version)
