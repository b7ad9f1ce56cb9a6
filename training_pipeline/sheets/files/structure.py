"""Structural faults of a training sheet's files, and the one error that names them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import duckdb

from training_pipeline.domain.errors import FieldProblem, PipelineError, SheetUnreadable, Unavailable
from training_pipeline.domain.rules.examples.chat_format import Problem
from training_pipeline.infra.files import is_file
from training_pipeline.sheets.columns import column_problems, known_columns_hint
from training_pipeline.sheets.files.rows import declared_columns, read_rows
from training_pipeline.sheets.head import Head

#: Faults that one error lists; `check` lists the rest.
MOST_LISTED: Final = 20


def structural_problems(data: Path, head: Head) -> Iterator[Problem]:
    """What keeps the file from being read at all, row by row and then for its columns. Reads the file once."""
    columns = declared_columns(data, head)
    found: dict[str, int | None] = {}
    empty = True
    for row in read_rows(data, head):
        yield from (problem for problem in row.problems if problem.code != "repeated_key")
        empty = False
        if columns is None:
            for name in row.values or ():
                found.setdefault(name, row.line)
    if empty:
        yield Problem("", "empty_file", "holds no pairs; a training sheet needs at least one")
    if columns or found:
        named = columns or found
        yield from column_problems(named, head)


def unreadable(sheet_id: str, file: str, problems: Iterable[Problem]) -> SheetUnreadable:
    """The error for a sheet with structural faults in `file`; lists the first ones and counts the others."""
    stream = iter(problems)
    listed = list(islice(stream, MOST_LISTED))
    more = sum(1 for _ in stream)
    fields = [FieldProblem(where(file, problem), problem.code, problem.message) for problem in listed]
    if more:
        fields.append(FieldProblem(file, "more", f"and {more:,} more like these"))
    columns = any(problem.code == "unknown_column" for problem in listed)
    advice = f"`training-pipeline sheets check {sheet_id}` lists every problem of every row."
    hint = f"{known_columns_hint()} {advice}" if columns else advice
    return SheetUnreadable(f"Training sheet '{sheet_id}' cannot be read.", hint=hint, problems=fields)


def engine_refused(sheet_id: str, data: Path, head: Head, error: Exception, *, looking: bool = False) -> PipelineError:
    """The error to raise where DuckDB or Arrow raised `error` about a file; reads the file to say what is wrong.

    What they say may quote the text of the pairs: their kind is all that may be told, and they must not be chained.
    With `looking`, the file was only looked at, so that what is refused without a known fault is the file's fault.
    """
    if not is_file(data):
        return Unavailable(f"Training sheet '{sheet_id}' was changed while it was read.", hint="Try again.")
    kind = type(error).__name__
    short = isinstance(error, MemoryError | duckdb.OutOfMemoryException)
    if not short and (faults := list(structural_problems(data, head))):
        return unreadable(sheet_id, data.name, faults)
    if looking and not short and not isinstance(error, duckdb.IOException | OSError):
        refused = Problem("", "unreadable", f"cannot be read as {data.suffix[1:].upper()} ({kind}); write it again")
        return unreadable(sheet_id, data.name, [refused])
    hint = "Raise TRAINING_PIPELINE_DUCKDB_MEMORY_LIMIT." if short else "Try again."
    what = "needs more memory than it may have" if short else "could not be processed"
    return Unavailable(f"Training sheet '{sheet_id}' {what} ({kind}).", hint=hint)


def table_unreadable(table: str, problems: Iterable[Problem], *, setting: str) -> SheetUnreadable:
    """The error for a table that does not hold training sheets or pairs as it is; `setting` names its columns."""
    fields = [FieldProblem(f"{table}, {problem.path}", problem.code, problem.message) for problem in problems]
    hint = f"Set {setting} for columns with other names; see docs/unity_catalog.md for the layout."
    return SheetUnreadable(f"Table {table} cannot be read.", hint=hint, problems=fields)


def where(file: str, problem: Problem) -> str:
    """The place of a problem in words: file, line, column or field."""
    line = "" if problem.line is None else f", line {problem.line}"
    name = "column" if problem.code in {"unknown_column", "missing_column", "repeated_column"} else ""
    path = f", {name} '{problem.path}'" if name else f", {problem.path}" if problem.path else ""
    return f"{file}{line}{path}"
