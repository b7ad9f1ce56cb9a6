from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.sheets.duckdb_connection import connect, threads_for
from training_pipeline.sheets.files.source import SAMPLES, FileTrainingSheets


@pytest.mark.parametrize(
    ("limit", "cores", "threads"),
    [
        ("1GB", 2, None),
        ("1GB", 3, None),
        ("1GB", 128, 3),
        ("1 GiB", 128, 4),
        ("1.5gb", 8, 5),
        ("300MB", 2, 1),
        ("10KB", 2, 1),
        ("2TB", 128, None),
        ("80%", 128, None),
        ("1..2GB", 128, None),
    ],
)
def test_threads_are_as_many_as_the_memory_is_enough_for(limit: str, cores: int, threads: int | None) -> None:
    assert threads_for(limit, cores) == threads


def threads_of(database: Any) -> int:
    return int(database.con.execute("SELECT current_setting('threads')").fetchone()[0])


def test_a_number_of_threads_that_was_set_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert threads_of(connect("600MB", None, tmp_path)) == 2
    assert threads_of(connect("600MB", 5, None)) == 5
    with FileTrainingSheets([SAMPLES], memory_limit="600MB").open("sheet-123") as opened:
        assert threads_of(opened.pairs.get_backend()) == 2
