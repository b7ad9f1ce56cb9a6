"""Opens the files of a training sheet: its pairs on a DuckDB connection of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa

from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.rules.examples.chat_format import Problem
from training_pipeline.sheets.base import OpenSheet
from training_pipeline.sheets.columns import column_problems
from training_pipeline.sheets.duckdb_connection import connect
from training_pipeline.sheets.files.duckdb_macros import MACROS
from training_pipeline.sheets.files.duckdb_sql import RawFile, select_pairs, wrong_types
from training_pipeline.sheets.files.inspecting import inspect
from training_pipeline.sheets.files.rows import wrong_columns
from training_pipeline.sheets.files.sheet_files import SheetFiles
from training_pipeline.sheets.files.structure import engine_refused, structural_problems, unreadable


@contextmanager
def opened_files(
    files: SheetFiles, digest: str, memory_limit: str, threads: int | None, temp_directory: Path | None
) -> Iterator[OpenSheet]:
    """The sheet of these files, whose digest is known; closed at the end. Raises as `FileTrainingSheets.open`."""
    connection = connect(memory_limit, threads, temp_directory, autoinstall_known_extensions=False)
    try:
        pairs = _pairs(connection, files)
        try:
            yield OpenSheet(sheet=files.head.sheet(files.id), digest=digest, pairs=pairs)
        except (duckdb.Error, pa.ArrowException) as error:  # which of them, depends on how the pairs are read
            raise engine_refused(files.id, files.data, files.head, error) from None
    finally:
        connection.disconnect()


def _pairs(connection: ibis.BaseBackend, files: SheetFiles) -> ir.Table:
    """The pairs: those of Parquet are read from the file when they are asked for, others are in a table, which
    spills.
    """
    try:
        connection.con.execute(MACROS)
        raw = inspect(connection.con, files.data, files.head)
        _refuse(raw, files)
        # JSON is taken apart once: to do so anew for each query costs far more than to keep what it says.
        kind = "VIEW" if files.data.suffix.lower() == ".parquet" else "TABLE"
        connection.con.execute(f"CREATE TEMP {kind} pairs AS {select_pairs(raw, files.head)}")
        if raw.is_kept:
            connection.con.execute(f"DROP TABLE {raw.relation}")
        # Not `connection.table`: DuckDB would have to say what columns it has, and Ibis to read that.
        return ops.DatabaseTable("pairs", schema=PAIR_SCHEMA, source=connection).to_expr()
    except PipelineError:
        raise
    except Exception as error:  # noqa: BLE001 - of the engine or of Arrow, in any class of theirs
        raise engine_refused(files.id, files.data, files.head, error, looking=True) from None


def _refuse(raw: RawFile, files: SheetFiles) -> None:
    """Raise `SheetUnreadable` with every structural fault of what was looked at, if there is one."""
    if raw.faulty or raw.empty or any(column_problems(dict.fromkeys(raw.types), files.head)):
        raise unreadable(files.id, files.data.name, structural_problems(files.data, files.head))
    if wrong := wrong_types(raw):
        problems = [Problem(name, "wrong_type", f"is {kind}; expected text") for name, kind in wrong.items()]
        raise unreadable(files.id, files.data.name, problems)
    if told := list(wrong_columns(files.data)):  # where the file tells its types twice, and in two ways
        raise unreadable(files.id, files.data.name, told)
