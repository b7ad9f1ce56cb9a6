"""Make a training sheet of any JSONL, CSV or Parquet file. Nothing is approved or allowed unless it is stated."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import duckdb
from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.chat_format import Problem
from training_pipeline.domain.errors import Conflict, FieldProblem, InvalidRequest
from training_pipeline.domain.training_sheet import PAIR_SCHEMA, Reference, SheetStatus
from training_pipeline.domain.usage import REVIEW_WORDS, DataClassification, Status, Use
from training_pipeline.sheets.engine import MACROS, RawFile, inspect, quoted, select_pairs
from training_pipeline.sheets.files import SUFFIXES
from training_pipeline.sheets.head import Defaults, Head, write_head
from training_pipeline.sheets.structure import structural_problems, unreadable

#: `--prohibit none` states that nothing is prohibited; to say nothing at all is not enough.
NONE: Final = "none"

#: Columns of a sheet that are taken over under their own name. They narrow or explain, and never allow.
_CARRIED: Final = tuple(
    name for name in PAIR_SCHEMA if name.startswith(("label_", "reviewed_", "constraints_")) or name == "usage_reason"
)


class ImportRequest(BaseModel):
    """What to import, and what its owner states about it. Null means: not stated."""

    model_config = ConfigDict(frozen=True)

    file: Path
    id: str
    name: str | None = None
    sheet_status: SheetStatus | None = None
    status: str | None = None
    status_column: str | None = None
    allow: tuple[str, ...] = ()
    allowed_uses_column: str | None = None
    prohibit: tuple[str, ...] = ()
    prohibited_uses_column: str | None = None
    classification: DataClassification | None = None
    classification_column: str | None = None
    usage_reason: str | None = None
    question_column: str | None = None
    answer_column: str | None = None
    system_column: str | None = None
    pair_id_column: str | None = None
    item_column: str | None = None
    label_column: str | None = None
    reviewed_by: str | None = None
    constraints_set_by: str | None = None
    source: Reference | None = None
    template: Reference | None = None
    tags: tuple[str, ...] = ()
    owner: str = ""
    description: str = ""
    delimiter: str = ","
    list_separator: str = ";"


@dataclass(frozen=True, slots=True)
class Imported:
    """The files that were written; `left_out` names the columns that were not taken over."""

    head: Head
    head_file: Path
    data: Path
    rows: int
    left_out: tuple[str, ...]


def import_sheet(request: ImportRequest, directory: Path, *, overwrite: bool = False) -> Imported:
    """Write `<id>.parquet` and then `<id>.yaml`, readable by their owner only; no half-written sheet is ever seen.

    Raises `InvalidRequest` with everything that is missing or wrong at once, `SheetUnreadable` for a broken file, and
    `Conflict` if there is such a sheet and not `overwrite`. A pair id that no column gives is `<id>-000001` and so on,
    in the order of the file; an item that no column gives is the pair itself.
    """
    present = [directory / (request.id + suffix) for suffix in (".yaml", *SUFFIXES)]
    present = [path for path in present if path.exists()]
    if present and not overwrite:
        raise Conflict(f"There is {present[0]} already.", hint="Choose another --id, or add --replace.")
    problems = list(_unstated(request))
    if not request.file.is_file():
        raise _refused([FieldProblem("FILE", "missing_file", f"there is no file {request.file}"), *problems])
    if request.file.suffix not in SUFFIXES:
        expected = f"{request.file.name} is none of {', '.join(SUFFIXES)}"
        raise _refused([FieldProblem("FILE", "unknown_format", expected), *problems])
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        connection.execute(MACROS)
        reading = _reading_head(request)
        raw = _inspected(connection, request, reading)
        problems.extend(_column_problems(request, tuple(raw.types)))
        if problems:
            raise _refused(problems)
        sources = _sources(request, tuple(raw.types))
        head = _head(request)
        scratch = Path(tempfile.mkdtemp(prefix=f".{request.id}.", dir=directory))
        try:
            data, yaml = scratch / f"{request.id}.parquet", scratch / f"{request.id}.yaml"
            select = select_pairs(_renamed(raw, sources, request), reading)
            rows = connection.execute(f"COPY ({select}) TO {quoted(str(data))} (FORMAT parquet)").fetchall()[0][0]
            yaml.write_bytes(write_head(head))
            for path in (data, yaml):
                path.chmod(0o600)
                _sync(path)
            # The head makes the sheet: gone first and back last, so that old and new never stand side by side.
            for path in present:
                path.unlink(missing_ok=True)
            os.replace(data, directory / data.name)
            os.replace(yaml, directory / yaml.name)
            _sync(directory)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    left_out = tuple(name for name in raw.types if name not in sources.values())
    return Imported(head, directory / yaml.name, directory / data.name, rows, left_out)


def _unstated(request: ImportRequest) -> Iterator[FieldProblem]:
    """Everything that must be stated and is not, or is stated twice, or in a word that means nothing."""
    for flag, given, other, words, example in (
        ("--status", request.status, "--status-column", {*Status, *REVIEW_WORDS}, "labeled"),
        ("--allow", request.allow, "--allowed-uses-column", {*Use}, "training --allow validation"),
        ("--prohibit", request.prohibit, "--prohibited-uses-column", {*Use, NONE}, NONE),
        ("--classification", request.classification, "--classification-column", {*DataClassification}, "internal"),
    ):
        column = getattr(request, other.removeprefix("--").replace("-", "_"))
        if given and column:
            yield FieldProblem(flag, "stated_twice", f"stands beside {other}; give one of the two")
        if not given and not column:
            yield FieldProblem(flag, "not_stated", f"is not stated; give {flag} (as {flag} {example}) or {other}")
        for word in (given,) if isinstance(given, str) else given or ():
            if word not in words:
                known = ", ".join(sorted(words))
                yield FieldProblem(flag, "unknown_word", f"'{word}' is not one of {known}")
    if NONE in request.prohibit and len(request.prohibit) > 1:
        yield FieldProblem("--prohibit", "stated_twice", "says 'none' and names uses as well")
    if request.sheet_status is None:
        known = ", ".join(SheetStatus)
        yield FieldProblem(
            "--sheet-status", "not_stated", f"is not stated; one of {known} (approved may be trained on)"
        )
    for flag, reference in (("--source-name", request.source), ("--template-name", request.template)):
        if reference is None:
            what = (
                "sheet the items come from" if flag == "--source-name" else "prompt template that asked the questions"
            )
            yield FieldProblem(flag, "not_stated", f"is not stated; name the {what}: it goes into the lineage")


def _column_problems(request: ImportRequest, columns: tuple[str, ...]) -> Iterator[FieldProblem]:
    there = f"the file has {', '.join(columns)}"
    for field in ImportRequest.model_fields:
        if field.endswith("_column") and (name := getattr(request, field)) and name not in columns:
            yield FieldProblem(_flag(field), "unknown_column", f"there is no column '{name}'; {there}")
    for column, flag in (
        ("status", "--status-column"),
        ("allowed_uses", "--allowed-uses-column"),
        ("prohibited_uses", "--prohibited-uses-column"),
        ("data_classification", "--classification-column"),
    ):
        field = flag.removeprefix("--").replace("-", "_")
        if column in columns and getattr(request, field) is None:
            text = f"the file has a column '{column}' of its own; use it ({flag} {column}) or take it out of the file"
            yield FieldProblem(flag, "ignored_statement", text)
    chat = request.question_column or request.answer_column or request.system_column
    if chat is None and "messages" in columns:
        return
    for column in ("question", "answer"):
        if getattr(request, f"{column}_column") is None and column not in columns:
            yield FieldProblem(f"--{column}-column", "unknown_column", f"which column is the {column}? {there}")


def _sources(request: ImportRequest, columns: tuple[str, ...]) -> dict[str, str]:
    """For each column of the sheet that the file gives, the file's own column."""
    sources = {name: name for name in _CARRIED if name in columns}
    chat = request.question_column or request.answer_column or request.system_column
    if chat is None and "messages" in columns:
        sources["messages"] = "messages"
    else:
        for name in ("question", "answer", "system"):
            source = getattr(request, f"{name}_column") or name
            if source in columns:
                sources[name] = source
    for name, source in {
        "status": request.status_column,
        "allowed_uses": request.allowed_uses_column,
        "prohibited_uses": request.prohibited_uses_column,
        "data_classification": request.classification_column,
        "pair_id": request.pair_id_column or "pair_id",
        "item_ref": request.item_column or "item_ref",
        "canonical_label_id": request.label_column or "canonical_label_id",
    }.items():
        if source in columns and source is not None:
            sources[name] = source
    return sources


def _renamed(raw: RawFile, sources: dict[str, str], request: ImportRequest) -> RawFile:
    """The file with the columns of a sheet, and those that are stated for every row or counted."""
    text = duckdb.sqltypes.VARCHAR
    columns, types = {}, {}
    for name, source in sources.items():
        identifier = '"' + source.replace('"', '""') + '"'
        columns[name], types[name] = identifier, raw.types[source]
        if name in ("question", "answer", "system"):
            json = str(raw.types[source]) == "JSON"
            columns[name] = f"string_or_number_of({identifier})" if json else f"CAST({identifier} AS VARCHAR)"
            types[name] = text
    if request.status is not None:
        columns["status"], types["status"] = quoted(request.status), text
    counted = f"{quoted(request.id + '-')} || lpad(CAST(row_number() OVER () AS VARCHAR), 6, '0')"
    columns.setdefault("pair_id", counted)
    columns.setdefault("item_ref", columns["pair_id"])
    types |= {name: types.get(name, types.get("pair_id", text)) for name in ("pair_id", "item_ref")}
    selected = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    return replace(raw, relation=f"(SELECT {selected} FROM {raw.relation})", types=types)  # noqa: S608


def _reading_head(request: ImportRequest) -> Head:
    """A head that only says how to read the file, and what is stated for every row.

    The statements are written into every row, and not as defaults: a default would later fill what was malformed here.
    """
    defaults = Defaults(
        allowed_uses=tuple(Use(use) for use in request.allow if use in set(Use)) or None,
        prohibited_uses=tuple(Use(u) for u in request.prohibit if u in set(Use)) if request.prohibit else None,
        usage_reason=request.usage_reason,
        data_classification=request.classification,
        reviewed_by=request.reviewed_by,
        constraints_set_by=request.constraints_set_by,
    )
    unnamed = Reference(id="unnamed")
    return Head(
        name=request.name or request.id,
        status=request.sheet_status or SheetStatus.REVIEW,
        source_sheet=request.source or unnamed,
        prompt_template=request.template or unnamed,
        tags=request.tags,
        owner=request.owner,
        description=request.description,
        metadata={"imported_from": request.file.name},
        defaults=defaults,
        delimiter=request.delimiter,
        list_separator=request.list_separator,
    )


def _head(request: ImportRequest) -> Head:
    plain = {"defaults": Defaults(), "delimiter": ",", "list_separator": ";"}
    return _reading_head(request).model_copy(update=plain)


def _inspected(connection: duckdb.DuckDBPyConnection, request: ImportRequest, head: Head) -> RawFile:
    try:
        raw = inspect(connection, request.file, head, every_column=True)
    except duckdb.Error:
        raw = RawFile("", {}, faulty=True)
    if raw.faulty or raw.empty:
        own = {"unknown_column", "missing_column", "ambiguous_columns"}  # a sheet's rules, not yet this file's
        found = [problem for problem in structural_problems(request.file, head) if problem.code not in own]
        refused = Problem("", "unreadable", f"cannot be read as {request.file.suffix[1:].upper()}; write it again")
        raise unreadable(request.id, request.file.name, found or [refused])
    return raw


def _refused(problems: list[FieldProblem]) -> InvalidRequest:
    hint = "Nothing was written. Nothing is approved or allowed by default: state it, or name the column that does."
    return InvalidRequest("The file cannot be imported as it was asked for.", hint=hint, problems=problems)


def _flag(field: str) -> str:
    return "--" + field.replace("_", "-")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
