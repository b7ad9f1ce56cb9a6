from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.testing.sheets.sheet_files import Put, put_sheet


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Writes a sheet into the directory that `sheets` reads."""
    return partial(put_sheet, tmp_path)


@pytest.fixture
def sheets(tmp_path: Path) -> FileTrainingSheets:
    return FileTrainingSheets([tmp_path], threads=1, temp_directory=tmp_path / "spill")


@pytest.fixture
def read(sheets: FileTrainingSheets) -> Callable[..., list[dict[str, Any]]]:
    """The pairs of a sheet by their ids, with the message fields that are not null."""

    def rows(name: str = "s") -> list[dict[str, Any]]:
        with sheets.open(name) as opened:
            found = opened.pairs.to_pyarrow().to_pylist()
        for row in found:
            if row["messages"] is not None:
                row["messages"] = [m and {k: v for k, v in m.items() if v is not None} for m in row["messages"]]
        return sorted(found, key=lambda row: str(row["pair_id"]))

    return rows
