"""The tables of a workspace: Delta tables with their versions, and views, held in one DuckDB."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, Final

import duckdb
import pyarrow as pa

from training_pipeline.testing.databricks_workspace.dialect import MACROS, to_duckdb
from training_pipeline.testing.databricks_workspace.state import ApiError, Workspace


@dataclass
class Table:
    """A table and its columns, by name with the type as Unity Catalog spells it; `versions` counts from 1."""

    name: str
    columns: dict[str, str]
    versions: int = 0
    table_type: str = "MANAGED"
    data_source_format: str | None = "DELTA"
    row_filter: str | None = None


class SqlError(Exception):
    """A statement failed; the message is worded as a warehouse words it."""

    def __init__(self, code: str, message: str, state: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.state = state


_TYPES: Final = {pa.string(): "string", pa.float64(): "double", pa.bool_(): "boolean", pa.int64(): "bigint"}


def type_text(kind: pa.DataType) -> str:
    """An Arrow type as Unity Catalog spells it."""
    if pa.types.is_list(kind):
        return f"array<{type_text(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"struct<{','.join(f'{each.name}:{type_text(each.type)}' for each in kind)}>"
    if pa.types.is_timestamp(kind):
        return "timestamp" if kind.tz else "timestamp_ntz"
    return _TYPES.get(kind) or str(kind)


@dataclass
class Tables:
    """All tables, by full name. Safe to use from several threads."""

    workspace: Workspace
    by_name: dict[str, Table] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._engine = duckdb.connect(config={"threads": 2})
        self._engine.execute("SET TimeZone = 'UTC'")
        self._engine.execute(MACROS)
        self._lock = threading.RLock()

    def put(self, name: str, rows: pa.Table, *, variants: tuple[str, ...] = (), **facts: Any) -> Table:
        """Write a new version of the table; columns of `variants` hold JSON text and become VARIANT."""
        kinds = {each.name: type_text(each.type) for each in rows.schema} | dict.fromkeys(variants, "variant")
        with self._lock:
            table = self.by_name.setdefault(name, Table(name, kinds))
            table.columns, table.versions = kinds, table.versions + 1
            for fact, value in facts.items():
                setattr(table, fact, value)
            self._engine.register("arriving", rows)
            columns = ", ".join(
                f'CAST("{each}" AS JSON) AS "{each}"' if each in variants else f'"{each}"' for each in kinds
            )
            self._engine.execute(f'CREATE TABLE "{name}@{table.versions}" AS SELECT {columns} FROM arriving')
            self._engine.unregister("arriving")
        return table

    def get(self, name: str) -> Table:
        """The table; raises the 404 or 403 of Unity Catalog."""
        catalog, schema, _ = name.split(".")
        self.workspace.require("Catalog", catalog, "USE CATALOG")
        self.workspace.require("Schema", f"{catalog}.{schema}", "USE SCHEMA")
        if name not in self.by_name:
            raise ApiError(404, "TABLE_DOES_NOT_EXIST", f"Table '{name}' does not exist.")
        self.workspace.require("Table", name, "SELECT")
        return self.by_name[name]

    def select(self, statement: str, parameters: dict[str, str]) -> pa.Table:
        """What a SELECT comes to; raises `SqlError`."""
        translated = to_duckdb(statement, self._held)
        with self._lock:
            cursor = self._engine.cursor()
        try:
            return cursor.execute(translated, parameters or None).to_arrow_table()
        except duckdb.Error as error:
            raise SqlError("BAD_REQUEST", f"[INTERNAL_ERROR] {error}", "XX000") from error
        finally:
            cursor.close()

    def history(self, name: str) -> pa.Table:
        """What DESCRIBE HISTORY shows, the latest version first."""
        table = self._known(name)
        if table.data_source_format != "DELTA" or table.table_type == "VIEW":
            raise SqlError("BAD_REQUEST", f"[EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE] '{name}' is a view.", "42809")
        if table.row_filter:
            message = f"[ROW_LEVEL_SECURITY_COLUMN_MASK_FEATURE_NOT_SUPPORTED.DESCRIBE_HISTORY] {name}"
            raise SqlError("BAD_REQUEST", message, "0A000")
        versions = [str(number) for number in range(table.versions, 0, -1)]
        return pa.table({"version": versions, "operation": ["WRITE"] * len(versions)})

    def close(self) -> None:
        """Forget everything."""
        self._engine.close()

    def _held(self, name: str, version: int | None) -> str:
        table = self._known(name)
        if version is not None and table.row_filter:
            message = f"[ROW_LEVEL_SECURITY_COLUMN_MASK_FEATURE_NOT_SUPPORTED.TIME_TRAVEL] {name}"
            raise SqlError("BAD_REQUEST", message, "0A000")
        return f"{name}@{version or table.versions}"

    def _known(self, name: str) -> Table:
        shown = "`.`".join(name.split("."))
        if name not in self.by_name:
            message = f"[TABLE_OR_VIEW_NOT_FOUND] The table or view `{shown}` cannot be found. SQLSTATE: 42P01"
            raise SqlError("BAD_REQUEST", message, "42P01")
        try:
            return self.get(name)
        except ApiError as error:
            raise SqlError(
                "BAD_REQUEST", f"[INSUFFICIENT_PERMISSIONS] {error.message} SQLSTATE: 42501", "42501"
            ) from None


def tables(workspace: Workspace) -> Tables:
    """The state of this part."""
    part = workspace.parts.get("tables") or workspace.parts.setdefault("tables", Tables(workspace))
    assert isinstance(part, Tables)
    return part
