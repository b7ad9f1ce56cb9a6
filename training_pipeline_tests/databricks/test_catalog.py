from __future__ import annotations

import pytest
from databricks.sdk.service.catalog import (
    ColumnInfo,
    ColumnMask,
    DataSourceFormat,
    TableInfo,
    TableRowFilter,
    TableType,
)

from training_pipeline.databricks.catalog import has_history

DELTA = DataSourceFormat.DELTA


@pytest.mark.parametrize("kind", [TableType.MANAGED, TableType.EXTERNAL])
def test_a_delta_table_can_be_read_as_of_a_version(kind: TableType) -> None:
    assert has_history(TableInfo(table_type=kind, data_source_format=DELTA, columns=[ColumnInfo(name="pair_id")]))


@pytest.mark.parametrize(
    "table",
    [
        TableInfo(),
        TableInfo(table_type=TableType.VIEW, data_source_format=DELTA),
        TableInfo(table_type=TableType.MANAGED, data_source_format=DataSourceFormat.PARQUET),
        TableInfo(table_type=TableType.MANAGED, data_source_format=DELTA, row_filter=TableRowFilter("f", ["x"])),
        TableInfo(
            table_type=TableType.MANAGED, data_source_format=DELTA, columns=[ColumnInfo(mask=ColumnMask("main.x.f"))]
        ),
    ],
)
def test_no_other_can(table: TableInfo) -> None:
    assert not has_history(table)
