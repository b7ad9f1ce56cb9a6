"""JSONL: one object a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from training_pipeline.sheets.files.row import Row
from training_pipeline.sheets.files.rows import json_lines
from training_pipeline.sheets.importing.reading.opening import open_text


def rows(file: Path) -> Iterator[Row]:
    """The objects, line by line; blank lines are passed over. Reads only."""
    with open_text(file) as opened:
        yield from json_lines(opened)
