"""A training sheet in tables of the workspace to test against, written by a test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from training_pipeline.databricks.statements import Statements
from training_pipeline.databricks.workspace import Connection
from training_pipeline.domain.export_summary import ExportSummary
from training_pipeline.sheets.columns import LIST_COLUMNS
from training_pipeline.sheets.unity_catalog.source import UnityCatalogSheets
from training_pipeline.testing.databricks_workspace.state import Workspace
from training_pipeline.testing.databricks_workspace.tables import tables
from training_pipeline.testing.sheets.pairs import SCHEMA, Row, arrow, odd_pairs

SHEETS, PAIRS, SOURCE = "main.training.training_sheets", "main.training.qa_pairs", "main.raw.invoices"


_nasty = st.text(
    st.sampled_from(list('aB"\\/\n\r\t\b\f\x00\x01\x0b\x1e\x1f\x7fÄß\u0130\u03a3\u03c2\u03c3\u2028\u3000\xa0😀é,')),
    max_size=8,
)


def without_texts(summary: ExportSummary) -> ExportSummary:
    """The summary without what it says of the texts of included pairs, which is told of sheets in files alone."""
    kept = tuple(each for each in summary.warnings if each.code not in {"control_tokens", "near_held_out"})
    return summary.model_copy(update={"warnings": kept})


@st.composite
def _spiced(draw: st.DrawFn) -> Row:
    row = draw(odd_pairs)
    if row["messages"] and draw(st.integers(0, 2)) == 0:
        row["messages"] = [
            {**message, "content": (message.get("content") or "") + draw(_nasty)} for message in row["messages"]
        ]
    return row


def as_read(row: Row) -> Row:
    """The row as every source reads it: a list with a null in it is no list of words; in a label's, it denies. And no
    message calls tools by an empty list."""
    read = {name: None if None in (row.get(name) or []) else row.get(name) for name in LIST_COLUMNS}
    broken = any(name.startswith("label_") and None in (row.get(name) or []) for name in LIST_COLUMNS)
    said = [
        message | ({"tool_calls": None} if message.get("tool_calls") == "[]" else {})
        for message in row.get("messages") or []
    ]
    return row | read | ({"allowed_uses": None} if broken else {}) | ({"messages": said} if said else {})


#: Odd pairs, some with characters that engines spell, count or lower differently.
spiced_pairs = _spiced()


def head(sheet_id: str = "sheet-1", **values: Any) -> Row:
    """The head of an approved sheet as a row; `values` replace its fields."""
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
    """The heads as a new version of their table."""
    names = list(dict.fromkeys(name for row in heads for name in row))
    kinds = {name: pa.list_(pa.string()) if name.endswith("_uses") else pa.string() for name in names}
    columns = {name: pa.array([row.get(name) for row in heads], kind) for name, kind in kinds.items()}
    tables(workspace).put(SHEETS, pa.table(columns))


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
    """A connection to the workspace that gives up soon."""
    options = {"host": workspace.url, "token": "dapi-stand-in", "auth_type": "pat"}
    return Connection(http, retry, options)


def source(workspace: Workspace, *, seconds: float = 60.0, **values: Any) -> UnityCatalogSheets:
    """The sheets of the workspace's tables; `values` replace the connection, the warehouse and options."""
    connected = values.pop("connection", None) or connection(workspace)
    statements = Statements(connected, values.pop("warehouse", "wh-1"), seconds)
    temporary: Path = workspace.root / "spill"
    return UnityCatalogSheets(connected, statements, SHEETS, PAIRS, temp_directory=temporary, **values)
