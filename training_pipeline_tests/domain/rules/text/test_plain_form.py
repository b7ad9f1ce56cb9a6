"""The forms in Python against Python's own Unicode of the same version, and the questions against the engine's."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings

from training_pipeline.domain.rules.text.plain_form import asked, loose, spoken, strict
from training_pipeline.testing.oracles import oracle
from training_pipeline.testing.oracles.judge import Judge
from training_pipeline.testing.sheets.pairs import Row, odd_sheets
from training_pipeline.testing.sheets.texts import every_code_point, odd_texts
from training_pipeline.testing.soak import SOAKING, examples

same_unicode = pytest.mark.skipif(unicodedata.unidata_version != "14.0.0", reason="the table is of Unicode 14")


def other(text: str) -> bool:
    return (loose(text), strict(text)) != (oracle.loose(text), oracle.strict(text))


@same_unicode
@pytest.mark.soak
def test_every_code_point() -> None:
    different = [ascii(text) for text in every_code_point(sliced=not SOAKING) if other(text)]
    assert not different, (len(different), different[:10])


@same_unicode
@given(text=odd_texts)
def test_random_texts(text: str) -> None:
    assert (loose(text), strict(text)) == (oracle.loose(text), oracle.strict(text))


@settings(max_examples=examples(30))
@given(rows=odd_sheets)
def test_the_same_questions_as_the_engine(judge: Judge, rows: list[Row]) -> None:
    expected = [" ".join(asked(spoken(row["messages"]))) or None if row.get("messages") else None for row in rows]
    found = {
        row["reviewed_by"]: row["asked"]
        for row in judge.hashed([{**row, "reviewed_by": str(place)} for place, row in enumerate(rows)])
    }
    assert [found[str(place)] for place in range(len(rows))] == expected
