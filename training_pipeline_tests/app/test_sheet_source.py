"""The settings say where training sheets are read from, and what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from training_pipeline.app.sheet_source import sheet_source
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.settings import Settings
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.sheets.unity_catalog.source import UnityCatalogSheets


def test_files_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    assert isinstance(sheet_source(Settings(state_dir=tmp_path)), FileTrainingSheets)


def test_everything_that_tables_need_is_named_at_once(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, sheet_source="unity_catalog", uc_pairs_table="main.training.qa_pairs")
    with pytest.raises(InvalidRequest) as raised:
        sheet_source(settings)
    assert "TRAINING_PIPELINE_UC_SHEETS_TABLE and TRAINING_PIPELINE_DATABRICKS_WAREHOUSE_ID" in raised.value.message


def test_tables_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "SHEET_SOURCE": "unity_catalog",
        "UC_SHEETS_TABLE": "main.training.training_sheets",
        "UC_PAIRS_TABLE": "main.training.qa_pairs",
        "UC_PAIR_COLUMNS": '{"status": "verdict"}',
        "DATABRICKS_WAREHOUSE_ID": "0123456789abcdef",
    }.items():
        monkeypatch.setenv(f"TRAINING_PIPELINE_{name}", value)
    made = sheet_source(Settings(state_dir=tmp_path))
    assert isinstance(made, UnityCatalogSheets)
    assert (made.pairs_table, made.pair_columns) == ("main.training.qa_pairs", {"status": "verdict"})
    assert made.statements.warehouse_id == "0123456789abcdef"


@pytest.mark.parametrize("name", ["qa_pairs", "main.qa_pairs", "main.training.qa_pairs; DROP TABLE x", "a.b.`c`"])
def test_a_table_needs_its_full_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="uc_pairs_table"):
        Settings(state_dir=tmp_path, uc_pairs_table=name)
