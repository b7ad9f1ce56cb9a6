"""Names and literals cannot break out of the statements that they are put into."""

from __future__ import annotations

import duckdb
import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from training_pipeline.sheets.unity_catalog import fragments
from training_pipeline.testing.databricks_workspace.dialect import MACROS, to_duckdb
from training_pipeline.testing.sheets.texts import JSON, NO_JSON

plain = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)


@given(name=st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20))
def test_a_column_is_one_name_whatever_is_in_it(name: str) -> None:
    parsed = sqlglot.parse_one(f"SELECT {fragments.column_of(name)} FROM t", read="databricks")
    assert isinstance(parsed, exp.Query)
    (column,) = parsed.selects
    assert isinstance(column, exp.Column)
    assert column.name == name


@given(text=plain)
def test_a_literal_is_one_text_whatever_is_in_it(text: str) -> None:
    parsed = sqlglot.parse_one(f"SELECT {fragments.literal(text)}", read="databricks")
    assert isinstance(parsed, exp.Query)
    (found,) = parsed.selects
    assert isinstance(found, exp.Literal)
    assert found.this == text


@pytest.mark.parametrize("text", ["\n", "\\v\v", "é", "\x00"])
def test_what_a_literal_would_have_to_spell_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not plain ASCII"):
        fragments.literal(text)


def test_a_full_name_is_quoted_part_by_part() -> None:
    assert fragments.name_of("main.my-schema.t") == "`main`.`my-schema`.`t`"


@pytest.fixture(scope="module")
def engine() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(MACROS)
    return connection


#: The stand-in for a warehouse takes JSON as deep as it comes; a real Spark does not (`test_spark.py`).
TEXTS = {name: text for name, text in {**NO_JSON, **JSON}.items() if "thousand" not in name}


@pytest.mark.parametrize("name", TEXTS)
def test_text_is_one_json_value_or_nothing(engine: duckdb.DuckDBPyConnection, name: str) -> None:
    text = TEXTS[name].replace("%s", '[{"role":"user","content":"Which queue?"}]')
    query = to_duckdb(f"SELECT {fragments.from_json(':text')} IS NOT NULL", lambda table, _: table)
    assert engine.execute(query, {"text": text}).fetchone() == (name in JSON,)
