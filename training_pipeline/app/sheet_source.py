"""Opens the configured source of training sheets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training_pipeline.domain.errors import InvalidRequest

if TYPE_CHECKING:
    from training_pipeline.databricks.workspace import Connection
    from training_pipeline.settings import Settings
    from training_pipeline.sheets.base import TrainingSheetSource
    from training_pipeline.sheets.files.source import FileTrainingSheets
    from training_pipeline.sheets.unity_catalog.source import UnityCatalogSheets


def sheet_source(settings: Settings) -> TrainingSheetSource:
    """Where training sheets are read from; what compiles for them is kept in the state directory.

    Connects to nothing; raises `InvalidRequest` where settings are missing.
    """
    from training_pipeline.sheets.plans_directory import keep_in

    keep_in(settings.plans)
    return table_sheets(settings) if settings.sheet_source == "unity_catalog" else file_sheets(settings)


def table_sheets(settings: Settings) -> UnityCatalogSheets:
    """Training sheets in tables of Unity Catalog, judged by a SQL warehouse."""
    from training_pipeline.databricks.statements import Statements
    from training_pipeline.sheets.unity_catalog.source import UnityCatalogSheets

    needed = {
        "TRAINING_PIPELINE_UC_SHEETS_TABLE": settings.uc_sheets_table,
        "TRAINING_PIPELINE_UC_PAIRS_TABLE": settings.uc_pairs_table,
        "TRAINING_PIPELINE_DATABRICKS_WAREHOUSE_ID": settings.databricks_warehouse_id,
    }
    if missing := [name for name, value in needed.items() if value is None]:
        raise InvalidRequest(
            f"Training sheets are read from Unity Catalog, but {' and '.join(missing)} is not set.",
            hint="See docs/unity_catalog.md for the tables, grants and settings.",
        )
    connection = workspace(settings)
    return UnityCatalogSheets(
        connection,
        Statements(connection, str(settings.databricks_warehouse_id), settings.databricks_sql_seconds),
        str(settings.uc_sheets_table),
        str(settings.uc_pairs_table),
        settings.uc_sheet_columns,
        settings.uc_pair_columns,
        memory_limit=settings.duckdb_memory_limit,
        threads=settings.duckdb_threads,
        temp_directory=settings.state_dir / "tmp",
    )


def workspace(settings: Settings) -> Connection:
    """How the Databricks workspace is reached; the SDK finds its address and credentials. Connects to nothing."""
    from training_pipeline.databricks.workspace import Connection

    return Connection(settings.databricks_http_timeout_seconds, settings.databricks_retry_seconds)


def file_sheets(settings: Settings) -> FileTrainingSheets:
    """The user's training sheets, then the bundled sample."""
    from training_pipeline.sheets.files.source import SAMPLES, FileTrainingSheets

    return FileTrainingSheets(
        [settings.sheets, SAMPLES],
        memory_limit=settings.duckdb_memory_limit,
        threads=settings.duckdb_threads,
        temp_directory=settings.state_dir / "tmp",
    )
