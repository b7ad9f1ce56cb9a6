"""Folders as `save_to_disk` of the library `datasets` writes them, made for tests without it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa


def save_dataset(folder: Path, rows: Sequence[Mapping[str, Any]], *, files: int = 1) -> Path:
    """One data set in so many files."""
    folder.mkdir(parents=True)
    names = [f"data-{number:05d}-of-{files:05d}.arrow" for number in range(files)]
    table = pa.Table.from_pylist(list(rows))
    size = -(-len(rows) // files)
    for number, name in enumerate(names):
        write_stream(folder / name, table.slice(number * size, size))
    state = {"_data_files": [{"filename": name} for name in names], "_fingerprint": "0" * 16, "_split": None}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text("{}")
    return folder


def save_splits(folder: Path, splits: Mapping[str, Sequence[Mapping[str, Any]]]) -> Path:
    """A data set for each split."""
    for name, rows in splits.items():
        save_dataset(folder / name, rows)
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": list(splits)}))
    return folder


def write_stream(file: Path, table: pa.Table) -> None:
    """A file as `datasets` has it: a stream of batches."""
    with pa.OSFile(str(file), "wb") as out, pa.ipc.new_stream(out, table.schema) as stream:
        stream.write_table(table, max_chunksize=3)
