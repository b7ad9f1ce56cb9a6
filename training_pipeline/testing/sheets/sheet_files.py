"""Training sheets in files, right and wrong ones, written by a test as they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

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


def put_sheet(directory: Path, content: Any, suffix: str = ".jsonl", *, head: str = HEAD, name: str = "s") -> Path:
    """Write a sheet: rows as JSONL or Parquet, text or bytes as they are. Returns the file of pairs."""
    (directory / f"{name}.yaml").write_text(head, encoding="utf-8")
    path = directory / f"{name}{suffix}"
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
