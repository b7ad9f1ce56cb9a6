"""The normal form on every code point and on random texts, against Python's own Unicode of the same version."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.domain.rules.text.dialects import DUCKDB
from training_pipeline.domain.rules.text.normal_form import NormalForm, normal_form_table
from training_pipeline.domain.rules.text.plain_form import loose, strict
from training_pipeline.domain.rules.text.white_space import WHITE_SPACE
from training_pipeline.testing.oracles import text_oracle
from training_pipeline.testing.sheets.texts import every_code_point, odd_texts
from training_pipeline.testing.soak import SOAKING, examples

Forms = Callable[[list[str]], list[tuple[str, str]]]

pytestmark = pytest.mark.skipif(unicodedata.unidata_version != "14.0.0", reason="the table is of Unicode 14")


@pytest.fixture(scope="module")
def forms() -> Forms:
    """The loose and the strict form of texts, from DuckDB."""
    engine = ibis.duckdb.connect().con
    texts = ibis.table({"text": "string", "place": "int64"}, name="texts")
    engine.execute("CREATE TABLE texts (text VARCHAR, place BIGINT)")
    engine.execute(f"CREATE TEMP TABLE forms AS {ibis.to_sql(normal_form_table(texts), dialect='duckdb')}")
    beside = texts.cross_join(ibis.table(normal_form_table(texts).schema(), name="forms"))
    form = NormalForm(DUCKDB, beside)
    selected = beside.select("place", loose=form.loose(beside.text), strict=form.strict(beside.text))
    query = ibis.to_sql(selected.order_by("place"), dialect="duckdb")

    def run(many: list[str]) -> list[tuple[str, str]]:
        engine.execute("DELETE FROM texts")
        engine.execute(
            "INSERT INTO texts SELECT unnest($1::VARCHAR[]), unnest($2::BIGINT[])", [many, list(range(len(many)))]
        )
        return [(loose, strict) for _, loose, strict in engine.execute(query).fetchall()]

    return run


def expected(text: str) -> tuple[str, str]:
    return text_oracle.loose(text), text_oracle.strict(text) or ""


@pytest.mark.soak
def test_every_code_point(forms: Forms) -> None:
    """Against the forms in Python, whose test compares them with Python's own Unicode."""
    texts = every_code_point(sliced=not SOAKING)
    found = forms(texts)
    other = [ascii(text) for text, both in zip(texts, found, strict=True) if both != (loose(text), strict(text))]
    assert not other, (len(other), other[:10])


@settings(max_examples=examples(30))
@given(many=st.lists(odd_texts, max_size=40))
def test_random_texts(forms: Forms, many: list[str]) -> None:
    assert forms(many) == [expected(text) for text in many]


@given(text=odd_texts)
def test_the_strict_form_makes_the_same_texts_equal_as_nfc(text: str) -> None:
    assert unicodedata.normalize("NFC", text_oracle.strict(text) or "") == unicodedata.normalize("NFC", text).strip(
        WHITE_SPACE
    )


@given(text=odd_texts)
def test_a_form_is_its_own_form(text: str) -> None:
    assert text_oracle.loose(text_oracle.loose(text)) == text_oracle.loose(text)
    assert text_oracle.strict(text_oracle.strict(text)) == text_oracle.strict(text)
