"""Rows of `system.billing.usage` in the stand-in workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

import pyarrow as pa

from training_pipeline.testing.databricks_workspace.state import Workspace
from training_pipeline.testing.databricks_workspace.tables import tables

USAGE: Final = "system.billing.usage"
_SCHEMA: Final = pa.schema(
    [
        ("workspace_id", pa.string()),
        ("usage_date", pa.date32()),
        ("usage_unit", pa.string()),
        ("usage_quantity", pa.decimal128(38, 18)),
        ("record_type", pa.string()),
        ("usage_metadata", pa.struct([("job_id", pa.string()), ("job_run_id", pa.string())])),
    ]
)
#: The run, the quantity, and what differs from an original row of today, in DBU, of this workspace.
Row = tuple[str | None, str, Mapping[str, object]]


def bill(workspace: Workspace, rows: Sequence[Row]) -> None:
    """Replace what was billed by these rows."""
    today: date = datetime.now(UTC).date()
    table = [
        {
            "workspace_id": workspace.workspace_id,
            "usage_date": today,
            "usage_unit": "DBU",
            "usage_quantity": Decimal(quantity),
            "record_type": "ORIGINAL",
            "usage_metadata": {"job_id": "7", "job_run_id": run_id},
            **other,
        }
        for run_id, quantity, other in rows
    ]
    tables(workspace).put(USAGE, pa.Table.from_pylist(table, _SCHEMA))
