"""Where training sheets are read from, and what reads them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from training_pipeline.settings.longest import YEAR_SECONDS

#: A table's full name in three parts.
_TABLE = r"^[^.`\s]+\.[^.`\s]+\.[^.`\s]+$"


class SheetSettings(BaseModel):
    """Training sheets."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    sheet_source: Literal["files", "unity_catalog"] = Field(
        "files", description="Source of training sheets: files, or tables in Unity Catalog."
    )
    uc_sheets_table: str | None = Field(
        None,
        pattern=_TABLE,
        description="Table of training sheets, such as main.training.training_sheets; required for `unity_catalog`.",
    )
    uc_pairs_table: str | None = Field(
        None,
        pattern=_TABLE,
        description="Table of Q&A pairs, such as main.training.qa_pairs; required for `unity_catalog`.",
    )
    uc_sheet_columns: dict[str, str] = Field(
        {}, description="Columns with other names in the table of training sheets, as JSON."
    )
    uc_pair_columns: dict[str, str] = Field(
        {}, description='Columns with other names in the table of pairs, such as {"status": "verdict"}.'
    )
    databricks_warehouse_id: str | None = Field(
        None,
        pattern=r"^[\w-]+$",
        description="SQL warehouse that reads and checks the pairs; required for `unity_catalog`.",
    )
    databricks_sql_seconds: float = Field(
        1800.0,
        gt=0,
        le=YEAR_SECONDS,
        description="Time limit of one SQL statement, including the start of the warehouse.",
    )
    duckdb_memory_limit: str = Field(
        "1GB",
        pattern=r"^[1-9][0-9]{0,8}(\.[0-9]{1,3})?\s?[MGTmgt][Ii]?[Bb]$",
        description="Memory DuckDB may use before it spills to disk, such as 1GB.",
    )
    duckdb_threads: int | None = Field(
        None,
        ge=1,
        le=4096,
        description="Threads DuckDB uses. Default: all cores, or one for each 256 MB of memory where that is fewer.",
    )
