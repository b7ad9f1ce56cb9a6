"""Make a training sheet of any JSONL, CSV or Parquet file. Nothing is approved or allowed unless it is stated."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from training_pipeline.domain.errors import Conflict, FieldProblem, InvalidRequest, Unavailable
from training_pipeline.domain.rules.chat_format import Problem
from training_pipeline.domain.training_sheet import Reference, SheetStatus
from training_pipeline.domain.usage import Use
from training_pipeline.infra.files import sync
from training_pipeline.sheets.files.duckdb_sql import MACROS, RawFile, inspect, quoted, select_pairs, wrong_types
from training_pipeline.sheets.files.source import SUFFIXES
from training_pipeline.sheets.files.structure import structural_problems, unreadable
from training_pipeline.sheets.head import Defaults, Head, write_head
from training_pipeline.sheets.importing.request import ImportRequest, column_problems, sources_of, unstated


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
    problems = list(unstated(request))
    if any(problem.pointer == "--id" for problem in problems):
        raise _refused(problems)
    present = [directory / (request.id + suffix) for suffix in (".yaml", *SUFFIXES)]
    present = [path for path in present if path.exists()]
    if present and not overwrite:
        raise Conflict(f"There is {present[0]} already.", hint="Choose another --id, or add --replace.")
    if not request.file.is_file():
        raise _refused([FieldProblem("FILE", "missing_file", f"there is no file {request.file}"), *problems])
    if request.file.suffix not in SUFFIXES:
        expected = f"{request.file.name} is none of {', '.join(SUFFIXES)}"
        raise _refused([FieldProblem("FILE", "unknown_format", expected), *problems])
    if any(path.samefile(request.file) for path in present):
        raise Conflict(f"{request.file} would be replaced by what is made of it.", hint="Choose another --id.")
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        connection.execute(MACROS)
        reading = _reading_head(request)
        raw = _inspected(connection, request, reading)
        problems.extend(column_problems(request, tuple(raw.types)))
        if problems:
            raise _refused(problems)
        sources = sources_of(request, tuple(raw.types))
        renamed = _renamed(raw, sources, request)
        if wrong := wrong_types(renamed):
            lists = [Problem(sources[name], "wrong_type", f"is {kind}; expected text") for name, kind in wrong.items()]
            raise unreadable(request.id, request.file.name, lists)
        head = _head(request)
        scratch = Path(tempfile.mkdtemp(prefix=f".{request.id}.", dir=directory))
        try:
            data, yaml = scratch / f"{request.id}.parquet", scratch / f"{request.id}.yaml"
            select = select_pairs(renamed, reading)
            rows = connection.execute(f"COPY ({select}) TO {quoted(str(data))} (FORMAT parquet)").fetchall()[0][0]
            yaml.write_bytes(write_head(head))
            for path in (data, yaml):
                path.chmod(0o600)
                sync(path)
            # The head makes the sheet: gone first and back last, so that old and new never stand side by side.
            for path in present:
                path.unlink(missing_ok=True)
            data.replace(directory / data.name)
            yaml.replace(directory / yaml.name)
            sync(directory)
        except (duckdb.IOException, OSError) as error:
            if faults := list(_faults(request.file, reading)):
                raise unreadable(request.id, request.file.name, faults) from None
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise Unavailable(
                f"{directory} cannot be written: {why}.", hint="Free disk space there and try again."
            ) from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    left_out = tuple(name for name in raw.types if name not in sources.values())
    return Imported(head, directory / yaml.name, directory / data.name, rows, left_out)


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
        delimiter=request.delimiter[:1] or ",",
        list_separator=request.list_separator[:1] or ";",
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
        found = list(_faults(request.file, head))
        refused = Problem("", "unreadable", f"cannot be read as {request.file.suffix[1:].upper()}; write it again")
        raise unreadable(request.id, request.file.name, found or [refused])
    return raw


def _faults(file: Path, head: Head) -> Iterator[Problem]:
    """Structural faults of a file that has not got the columns of a sheet yet."""
    own = {"unknown_column", "missing_column", "ambiguous_columns"}
    return (problem for problem in structural_problems(file, head) if problem.code not in own)


def _refused(problems: list[FieldProblem]) -> InvalidRequest:
    hint = "Nothing was written. Nothing is approved or allowed by default: give a value, or the column that has it."
    return InvalidRequest("The file cannot be imported.", hint=hint, problems=problems)
