"""Make a training sheet of any JSONL, CSV or Parquet file. Nothing is approved or allowed unless it is stated."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from training_pipeline.domain.errors import Conflict, FieldProblem, InvalidRequest, PipelineError, Unavailable
from training_pipeline.domain.rules.chat_format import Problem
from training_pipeline.domain.training_sheet import Reference, SheetStatus
from training_pipeline.domain.usage import Use
from training_pipeline.infra.file_lock import hold
from training_pipeline.infra.files import is_file, replace_file, sha256, sync
from training_pipeline.sheets.columns import twin_columns
from training_pipeline.sheets.files.duckdb_sql import (
    MACROS,
    RawFile,
    identifier,
    inspect,
    quoted,
    select_pairs,
    wrong_types,
)
from training_pipeline.sheets.files.source import SUFFIXES
from training_pipeline.sheets.files.structure import engine_refused, structural_problems, unreadable
from training_pipeline.sheets.head import Defaults, Head, read_head, write_head
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
    """Write `<id>@<digest>.parquet` and then `<id>.yaml`, which names it, readable by their owner only.

    The head makes the sheet, and its rename replaces one: whoever reads sees the old sheet or the new one, at any time
    and whatever stops this. Only then is the old one's file of pairs removed. One import at a time writes there.

    Raises `InvalidRequest` with everything that is missing or wrong at once, `SheetUnreadable` for a broken file, and
    `Conflict` if there is such a sheet and not `overwrite`. A pair id that no column gives is `<id>-000001` and so on,
    in the order of the file; an item that no column gives is the pair itself.
    """
    problems = list(unstated(request))
    if any(problem.pointer == "--id" for problem in problems):
        raise _refused(problems)
    if not is_file(request.file):
        raise _refused([FieldProblem("FILE", "missing_file", f"there is no file {request.file}"), *problems])
    if request.file.suffix.lower() not in SUFFIXES:
        expected = f"{request.file.name} is none of {', '.join(SUFFIXES)}"
        raise _refused([FieldProblem("FILE", "unknown_format", expected), *problems])
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with hold(directory):
            return _imported(request, directory, problems, overwrite=overwrite)
    except OSError as error:
        raise _not_written(directory, error.strerror) from error


def _imported(request: ImportRequest, directory: Path, problems: list[FieldProblem], *, overwrite: bool) -> Imported:
    head_file = directory / f"{request.id}.yaml"
    present = list(_present(head_file))
    if present and not overwrite:
        raise Conflict(f"There is {present[0]} already.", hint="Choose another --id, or add --replace.")
    if any(is_file(path) and path.samefile(request.file) for path in present):
        raise Conflict(f"{request.file} would be replaced by what is made of it.", hint="Choose another --id.")
    if head_file.is_dir() and not head_file.is_symlink():
        raise Conflict(f"{head_file} is a directory.", hint="Move it away, or choose another --id.")
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        connection.execute(MACROS)
        reading = _reading_head(request)
        raw = _inspected(connection, request, reading)
        problems.extend(column_problems(request, tuple(raw.types)))
        if problems:
            raise _refused(problems)
        sources = sources_of(request, tuple(raw.types))
        renamed = _renamed(raw, sources, request)
        if wrong := wrong_types(renamed) | wrong_types(
            replace(raw, types={n: raw.types[s] for n, s in sources.items()})
        ):
            lists = [Problem(sources[name], "wrong_type", f"is {kind}; expected text") for name, kind in wrong.items()]
            raise unreadable(request.id, request.file.name, lists)
        scratch = Path(tempfile.mkdtemp(prefix=f".{request.id}.", dir=directory))
        try:
            written = scratch / "pairs"
            select = select_pairs(renamed, reading)
            rows = connection.execute(f"COPY ({select}) TO {quoted(str(written))} (FORMAT parquet)").fetchall()[0][0]
            data = directory / f"{request.id}@{sha256(written)[:12]}.parquet"
            head = _head(request, data.name)
            written.chmod(0o600)
            sync(written)
            written.replace(data)
            replace_file(head_file, write_head(head))
            for path in present:
                if path not in (head_file, data):
                    path.unlink(missing_ok=True)
            sync(directory)
        except duckdb.Error as error:
            raise _not_copied(request, reading, directory, error) from None
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    left_out = tuple(name for name in raw.types if name not in sources.values())
    return Imported(head, head_file, data, rows, left_out)


def _present(head_file: Path) -> Iterator[Path]:
    """What stands under the names of the sheet: its head, and whatever file of pairs the head means."""
    head = read_head(head_file) if os.path.lexists(head_file) else None
    named = [head.pairs_file] if isinstance(head, Head) and head.pairs_file else []
    for name in (head_file.name, *named, *(head_file.stem + suffix for suffix in SUFFIXES)):
        if os.path.lexists(path := head_file.with_name(name)):
            yield path


def _renamed(raw: RawFile, sources: dict[str, str], request: ImportRequest) -> RawFile:
    """The file with the columns of a sheet, and those that are stated for every row or counted."""
    text = duckdb.sqltypes.VARCHAR
    columns, types = {}, {}
    for name, source in sources.items():
        columns[name], types[name] = identifier(source), raw.types[source]
        if name in ("question", "answer", "system"):
            json = str(raw.types[source]) == "JSON"
            columns[name] = (
                f"string_or_number_of({identifier(source)})" if json else f"CAST({identifier(source)} AS VARCHAR)"
            )
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


def _head(request: ImportRequest, pairs_file: str) -> Head:
    plain = {"defaults": Defaults(), "delimiter": ",", "list_separator": ";", "pairs_file": pairs_file}
    return _reading_head(request).model_copy(update=plain)


def _inspected(connection: duckdb.DuckDBPyConnection, request: ImportRequest, head: Head) -> RawFile:
    try:
        raw = inspect(connection, request.file, head, every_column=True)
    except Exception as error:  # noqa: BLE001 - of the engine or of Arrow, in any class of theirs
        raise engine_refused(request.id, request.file, head, error, looking=True, as_sheet=False) from None
    if raw.faulty or raw.empty:
        raise unreadable(request.id, request.file.name, structural_problems(request.file, head, as_sheet=False))
    if twins := list(twin_columns(raw.types)):
        raise unreadable(request.id, request.file.name, twins)
    return raw


def _not_copied(request: ImportRequest, head: Head, directory: Path, error: duckdb.Error) -> PipelineError:
    refusal = engine_refused(request.id, request.file, head, error, looking=True, as_sheet=False)
    if isinstance(refusal, Unavailable) and isinstance(error, duckdb.IOException):
        return _not_written(directory, str(error))  # speaks of files, never of what is in them
    return refusal


def _not_written(directory: Path, why: str | None) -> Unavailable:
    hint = "See that there is room, and that you may write there; then try again."
    return Unavailable(f"{directory} cannot be written: {why or 'unknown cause'}.", hint=hint)


def _refused(problems: list[FieldProblem]) -> InvalidRequest:
    hint = "Nothing was written. Nothing is approved or allowed by default: give a value, or the column that has it."
    return InvalidRequest("The file cannot be imported.", hint=hint, problems=problems)
