"""JSONL: one object a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from training_pipeline.sheets.files.rows import LONGEST, Row, bounded_lines, broken_row, json_row
from training_pipeline.sheets.importing.reading.opening import open_text


def rows(file: Path) -> Iterator[Row]:
    """The objects, line by line; blank lines are passed over. Reads only."""
    with open_text(file) as opened:
        for line, content in enumerate(bounded_lines(opened), 1):
            if len(content) > LONGEST:
                yield broken_row(line, "line_too_long", f"is longer than {LONGEST // 2**20} MB")
            elif content.strip():
                yield json_row(line, content)
