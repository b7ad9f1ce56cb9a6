"""Training sheets kept as tables of Unity Catalog: a row for each sheet, and a row for each pair.

Both gates, hashes and counts are worked out by a SQL warehouse. Keys and verdicts of all pairs come back, and of no
other pairs than those that pass both gates the text.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb
import ibis
import pyarrow as pa

from training_pipeline.databricks.catalog import CatalogTable, table_of
from training_pipeline.databricks.statements import Statements
from training_pipeline.databricks.workspace import Connection
from training_pipeline.domain.errors import NotFound, SheetChanged, SheetUnreadable, Unavailable
from training_pipeline.domain.rules.examples.chat_format import Problem
from training_pipeline.domain.training_sheet import TrainingSheet
from training_pipeline.sheets.base import OpenSheet
from training_pipeline.sheets.duckdb_connection import connect
from training_pipeline.sheets.files.source import SHEET_ID
from training_pipeline.sheets.files.structure import table_unreadable
from training_pipeline.sheets.head import Head
from training_pipeline.sheets.unity_catalog import fragments
from training_pipeline.sheets.unity_catalog.columns import (
    PAIR_NAMES,
    Columns,
    columns_of,
    pair_problems,
    select_pairs,
    text_columns,
)
from training_pipeline.sheets.unity_catalog.head import SHEET_NAMES, head_of, head_problems, select_heads
from training_pipeline.sheets.unity_catalog.tags import tags_of
from training_pipeline.sheets.unity_catalog.version import PairsVersion, latest_version, version_of
from training_pipeline.sheets.unity_catalog.warehouse import Warehouse

#: Where the head of an opened sheet names the tables that it comes from: its source table, and that of its pairs.
TABLES: Final = "tables"
#: Heads that are listed at most.
MOST_SHEETS: Final = 10_000
_SHEETS_SETTING: Final = "TRAINING_PIPELINE_UC_SHEET_COLUMNS"
_PAIRS_SETTING: Final = "TRAINING_PIPELINE_UC_PAIR_COLUMNS"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class UnityCatalogSheets:
    """Training sheets in the tables `sheets_table` and `pairs_table` (full names). Reads only.

    Beside what each verb says, all raise `BackendUnreachable` where Databricks does not answer or refuses us, and a
    `PipelineError` that names the table or the warehouse that is missing.
    """

    connection: Connection
    statements: Statements
    sheets_table: str
    pairs_table: str
    sheet_columns: Mapping[str, str] = field(default_factory=dict)
    pair_columns: Mapping[str, str] = field(default_factory=dict)
    memory_limit: str = "1GB"
    threads: int | None = None
    temp_directory: Path | None = None
    #: By sheet, what was worked out last for a version of the table, which does not change any more.
    _versions: dict[str, tuple[str, PairsVersion]] = field(default_factory=dict, compare=False, repr=False)

    def list(self) -> list[TrainingSheet]:
        """The heads that can be read, by id; the others are logged. Tags are read when a sheet is opened."""
        columns = self._head_columns()
        sheets = []
        for row in self.statements.rows(select_heads(columns, self.sheets_table, one=False, limit=MOST_SHEETS)):
            sheet_id = dict(zip(columns.names, row, strict=True))["id"] or ""
            found = head_of(columns, row)
            if SHEET_ID.fullmatch(sheet_id) and isinstance(found, tuple):
                sheets.append(found[0].sheet(sheet_id))
            else:
                _log.warning("training sheet %r is left out of the list: its head cannot be read", sheet_id[:128])
        return sheets

    def get(self, sheet_id: str) -> TrainingSheet:
        """One sheet's head with the tags that narrow it; raises `NotFound` or `SheetUnreadable`."""
        head, source_table = self._head(sheet_id)
        return self._tagged(head, source_table).sheet(sheet_id)

    @contextmanager
    def open(self, sheet_id: str) -> Iterator[OpenSheet]:
        """The sheet with its pairs, which stay in the warehouse, as they are in the latest version of their table.

        Raises `NotFound`, `SheetUnreadable` with every problem of the columns at once, and `SheetChanged` if the pairs
        were changed meanwhile where the table has no versions (a view, or one with a row filter).
        """
        head, source_table = self._head(sheet_id)
        table = self._table(self.pairs_table)
        defaults = head.defaults.stated()
        columns = self._columns(table, PAIR_NAMES, self.pair_columns, setting=_PAIRS_SETTING)
        if problems := pair_problems(columns, defaults):
            raise table_unreadable(self.pairs_table, problems, setting=_PAIRS_SETTING)
        pinned = table.has_history
        relation = fragments.name_of(self.pairs_table)
        if pinned:
            relation += f" VERSION AS OF {latest_version(self.statements, self.pairs_table)}"
        pairs = _select(columns, defaults, relation, self.sheets_table)
        parameters = {"sheet_id": sheet_id}
        version = self._version(sheet_id, pairs, parameters, table.id if pinned else None)
        if not version.pairs:
            raise SheetUnreadable(
                f"Training sheet '{sheet_id}' holds no pairs.",
                hint=f"No row of table {self.pairs_table} has its id in {columns.names['training_sheet_id']}.",
            )
        sheet = self._tagged(head, source_table).sheet(sheet_id)
        here = self._connect()
        warehouse = Warehouse(self.statements, pairs, parameters, here)
        try:
            yield OpenSheet(sheet, _digest(sheet, version), warehouse.table(), warehouse)
        except (duckdb.Error, pa.ArrowException) as error:  # what it says may quote the text of the pairs
            raise Unavailable(
                f"Training sheet '{sheet_id}' could not be processed ({type(error).__name__}).",
                hint="If memory ran out, raise TRAINING_PIPELINE_DUCKDB_MEMORY_LIMIT.",
            ) from None
        finally:
            here.disconnect()
        if not pinned and warehouse.was_read and version_of(self.statements, pairs, parameters) != version:
            raise SheetChanged(f"Training sheet '{sheet_id}' was changed while it was read.", hint="Try again.")

    def _head(self, sheet_id: str) -> tuple[Head, str | None]:
        columns = self._head_columns()
        statement = select_heads(columns, self.sheets_table, one=True, limit=2)
        rows = self.statements.rows(statement, {"sheet_id": sheet_id}) if SHEET_ID.fullmatch(sheet_id) else []
        if not rows:
            known = ", ".join(sheet.id for sheet in self.list()[:20])
            hint = f"There are: {known}." if known else f"There are none in table {self.sheets_table}."
            raise NotFound(f"There is no training sheet '{sheet_id}'.", hint=hint)
        if len(rows) > 1:
            raise SheetUnreadable(
                f"Training sheet '{sheet_id}' is twice in table {self.sheets_table}.",
                hint="Keep the row that counts.",
            )
        found = head_of(columns, rows[0])
        if isinstance(found, tuple):
            return found
        raise table_unreadable(f"{self.sheets_table}, training sheet '{sheet_id}'", found, setting=_SHEETS_SETTING)

    def _head_columns(self) -> Columns:
        table = self._table(self.sheets_table)
        columns = self._columns(table, SHEET_NAMES, self.sheet_columns, setting=_SHEETS_SETTING)
        if problems := head_problems(columns):
            raise table_unreadable(self.sheets_table, problems, setting=_SHEETS_SETTING)
        return columns

    def _table(self, name: str) -> CatalogTable:
        catalog, schema, _ = name.split(".")
        grant = (
            f"Grant SELECT on table {name}, USE SCHEMA on {catalog}.{schema} and USE CATALOG on {catalog}, or set "
            "TRAINING_PIPELINE_UC_SHEETS_TABLE and TRAINING_PIPELINE_UC_PAIRS_TABLE to tables that exist"
        )
        return table_of(self.connection, name, what=f"look at table {name}", grant=grant, sleep=self.statements.sleep)

    @staticmethod
    def _columns(
        table: CatalogTable, names: Mapping[str, tuple[str, ...]], chosen: Mapping[str, str], *, setting: str
    ) -> Columns:
        found = columns_of(table.columns, names, chosen, setting=setting)
        if isinstance(found, Columns):
            return found
        raise table_unreadable(table.full_name, found, setting=setting)

    def _version(self, sheet_id: str, pairs: str, parameters: dict[str, str], table_id: str | None) -> PairsVersion:
        """The version of the pairs; where their table is pinned, worked out once for each of its versions."""
        if table_id is None:
            return version_of(self.statements, pairs, parameters)
        known, version = self._versions.get(sheet_id, ("", None))
        read = f"{table_id} {pairs}"
        if version is None or known != read:
            version = version_of(self.statements, pairs, parameters)
            self._versions[sheet_id] = (read, version)
        return version

    def _tagged(self, head: Head, source_table: str | None) -> Head:
        """The head with the names and the tags of its source table and of the table of pairs.

        A tag on any column of the source table counts, for the pairs may be made from it; of the table of pairs, one on
        a column that holds text of the examples: that a reviewer's name is personal restricts no pair.
        """
        columns = {source_table: self._names(source_table)} if source_table and source_table != self.pairs_table else {}
        tables = {**columns, self.pairs_table: text_columns(self._names(self.pairs_table), self.pair_columns)}
        tags = [
            tag
            for table, names in tables.items()
            for tag in tags_of(self.connection, table, names, sleep=self.statements.sleep)
        ]
        return head.model_copy(update={"tags": tuple(dict.fromkeys(tags)), "metadata": {TABLES: list(tables)}})

    def _names(self, table: str) -> tuple[str, ...]:
        """The columns of a table whose tags are read."""
        grant = f"Grant SELECT on table {table} (or BROWSE on its catalog), so that its tags can be read"
        what = f"look at table {table}, to read the tags of table {table}"
        return tuple(table_of(self.connection, table, what=what, grant=grant, sleep=self.statements.sleep).columns)

    def _connect(self) -> ibis.BaseBackend:
        return connect(self.memory_limit, self.threads, self.temp_directory)


def _select(columns: Columns, defaults: Mapping[str, Any], relation: str, sheets_table: str) -> str:
    try:
        return select_pairs(columns, defaults, relation)
    except ValueError as error:
        problem = Problem("defaults", "unknown_character", f"cannot be put into a statement: {error}")
        raise table_unreadable(sheets_table, [problem], setting=_SHEETS_SETTING) from None


def _digest(sheet: TrainingSheet, version: PairsVersion) -> str:
    """SHA-256 over the head with its tags, and the version of the pairs."""
    stated = sheet.model_dump(mode="json")
    for name in ("evaluate_judge", "exclude_near_held_out"):
        if not stated[name]:  # no sheet is a new one for a field that it does not use
            del stated[name]
    head = json.dumps(stated, sort_keys=True)
    return hashlib.sha256(f"{head}\n{version.pairs}\n{version.digest}\n".encode()).hexdigest()
