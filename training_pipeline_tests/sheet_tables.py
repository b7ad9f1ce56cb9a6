"""A training sheet in tables of the workspace to test against, written by a test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from training_pipeline.backends.databricks_client import Connection
from training_pipeline.sheets.statements import Statements
from training_pipeline.sheets.unity_catalog import UnityCatalogSheets
from training_pipeline_tests.databricks_workspace.state import Workspace
from training_pipeline_tests.databricks_workspace.tables import tables
from training_pipeline_tests.pairs import SCHEMA, Row, arrow

SHEETS, PAIRS, SOURCE = "main.training.training_sheets", "main.training.qa_pairs", "main.raw.invoices"
_TEXTS = ("role", "content", "name", "tool_calls", "tool_call_id")


def head(sheet_id: str = "sheet-1", **values: Any) -> Row:
    return {
        "id": sheet_id,
        "name": "A sheet",
        "status": "approved",
        "sheet_id": "source",
        "template_id": "template",
        "template_version": "v1",
        **values,
    }


def put_heads(workspace: Workspace, heads: list[Row]) -> None:
    names = list(dict.fromkeys(name for row in heads for name in row))
    columns = {name: pa.array([row.get(name) for row in heads]) for name in names}
    kinds = {name: column if column.type != pa.null() else column.cast(pa.string()) for name, column in columns.items()}
    tables(workspace).put(SHEETS, pa.table(kinds))


def put_pairs(
    workspace: Workspace, rows: list[Row], sheet_ids: list[str] | None = None, *, messages: str = "array"
) -> None:
    """The pairs as a new version of their table; `messages` is how they are kept: array, json or variant."""
    table = arrow(rows)
    if messages != "array":
        texts = pa.array([None if row.get("messages") is None else _json(row["messages"]) for row in rows], pa.string())
        table = table.set_column(SCHEMA.get_field_index("messages"), "messages", texts)
    table = table.append_column("training_sheet_id", pa.array(sheet_ids or ["sheet-1"] * len(rows), pa.string()))
    tables(workspace).put(PAIRS, table, variants=("messages",) if messages == "variant" else ())


def _json(messages: list[dict[str, Any]]) -> str:
    written = []
    for message in messages:
        fields = {name: value for name, value in message.items() if value is not None}
        if "tool_calls" in fields:
            fields["tool_calls"] = json.loads(fields["tool_calls"])
        written.append(fields)
    return json.dumps(written, ensure_ascii=False)


def connection(workspace: Workspace, *, http: int = 10, retry: int = 10) -> Connection:
    options = {"host": workspace.url, "token": "dapi-stand-in", "auth_type": "pat"}
    return Connection(http, retry, options)


def source(workspace: Workspace, *, seconds: float = 60.0, **values: Any) -> UnityCatalogSheets:
    connected = values.pop("connection", None) or connection(workspace)
    statements = Statements(connected, values.pop("warehouse", "wh-1"), seconds)
    temporary: Path = workspace.root / "spill"
    return UnityCatalogSheets(connected, statements, SHEETS, PAIRS, temp_directory=temporary, **values)
