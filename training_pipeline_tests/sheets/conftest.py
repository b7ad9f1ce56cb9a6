from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training_pipeline.sheets.files.source import FileTrainingSheets

HEAD = """\
name: Triage
status: approved
source_sheet: {id: documents, name: Documents, version: 7}
prompt_template: {id: triage}
"""
ROW: dict[str, Any] = {
    "pair_id": "p1",
    "messages": [{"role": "user", "content": "Which queue?"}, {"role": "assistant", "content": "purchasing"}],
    "item_ref": "INV-1",
    "status": "labeled",
    "allowed_uses": ["training"],
    "prohibited_uses": [],
    "data_classification": "internal",
}

Put = Callable[..., Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Write a sheet: rows as JSONL or Parquet, text or bytes as they are. Returns the file of pairs."""

    def write(content: Any, suffix: str = ".jsonl", *, head: str = HEAD, name: str = "s") -> Path:
        (tmp_path / f"{name}.yaml").write_text(head, encoding="utf-8")
        path = tmp_path / f"{name}{suffix}"
        match content:
            case bytes():
                path.write_bytes(content)
            case str():
                path.write_bytes(content.encode())
            case pa.Table():
                pq.write_table(content, path)
            case _:
                path.write_text("".join(json.dumps(row) + "\n" for row in content), encoding="utf-8")
        return path

    return write


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
