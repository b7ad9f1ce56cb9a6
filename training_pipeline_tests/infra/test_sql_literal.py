"""Texts as literals of SQL."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.infra.sql_literal import literal


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_literal_is_the_text(text: str) -> None:
    with duckdb.connect() as engine:
        assert engine.execute(f"SELECT {literal(text)}").fetchall() == [(text,)]


@pytest.mark.parametrize("text", ["it's", "'; DROP TABLE x; --", "back\\slash'", "$name ?"])
def test_no_text_ends_its_literal(text: str) -> None:
    with duckdb.connect() as engine:
        assert engine.execute(f"SELECT {literal(text)}, 1").fetchall() == [(text, 1)]


def test_a_zero_byte_is_refused() -> None:
    with pytest.raises(ValueError, match="zero byte"):
        literal("a\0b")


READS = """
import sys, duckdb
from training_pipeline.infra.sql_literal import literal
path = literal(sys.argv[1])
with duckdb.connect() as engine:
    engine.execute(f"COPY (SELECT 1 AS a) TO {path}")
    assert engine.execute(f"FROM read_parquet({path})").fetchall() == [(1,)]
print("pandas" in sys.modules)
"""


def test_with_literals_duckdb_loads_no_pandas(tmp_path: Path) -> None:
    command = [sys.executable, "-c", READS, str(tmp_path / "it's.parquet")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"
