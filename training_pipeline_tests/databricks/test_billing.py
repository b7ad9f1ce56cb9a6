"""What was billed for runs, asked of the stand-in workspace."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from training_pipeline.databricks.billing import billed
from training_pipeline.databricks.statements import Statements
from training_pipeline.domain.errors import SheetUnreadable
from training_pipeline.testing.databricks.billed_usage import bill
from training_pipeline.testing.databricks.sheet_tables import connection
from training_pipeline.testing.databricks_workspace.app import serve
from training_pipeline.testing.databricks_workspace.sql import warehouses
from training_pipeline.testing.databricks_workspace.state import Workspace

TODAY = datetime.now(UTC).date()


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with serve(tmp_path) as served:
        yield served


def ask(workspace: Workspace, *run_ids: str, since: date = TODAY) -> dict[str, float]:
    return billed(Statements(connection(workspace), "wh-1", 30.0), run_ids, since=since)


def test_the_rows_of_each_run_are_added_up_by_one_statement(workspace: Workspace) -> None:
    later = {"record_type": "RETRACTION"}
    bill(
        workspace,
        [
            ("11", "1.25", {}),
            ("11", "0.5", {}),
            ("12", "3", {}),
            ("12", "-3", later),
            ("12", "2.5", {"record_type": "RESTATEMENT"}),
            ("13", "9", {}),
            (None, "100", {}),
            ("11", "7", {"workspace_id": "1"}),
            ("11", "7", {"usage_unit": "GB"}),
            ("11", "7", {"usage_date": TODAY - timedelta(days=1)}),
        ],
    )
    assert ask(workspace, "11", "12", "14") == {"11": 1.75, "12": 2.5}
    assert len(warehouses(workspace).statements) == 1
    assert ask(workspace, "11", since=TODAY - timedelta(days=1)) == {"11": 8.75}
    assert ask(workspace) == {}
    assert len(warehouses(workspace).statements) == 2


def test_a_table_that_may_not_be_read_is_named(workspace: Workspace) -> None:
    with pytest.raises(SheetUnreadable, match=r"system\.billing\.usage"):
        ask(workspace, "11")
