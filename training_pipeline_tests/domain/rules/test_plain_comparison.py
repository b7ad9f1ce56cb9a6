"""The questions in Python against the engine's."""

from __future__ import annotations

from hypothesis import given, settings

from training_pipeline.domain.rules.plain_comparison import asked, spoken
from training_pipeline.testing.oracles.judge import Judge
from training_pipeline.testing.sheets.pairs import Row, odd_sheets
from training_pipeline.testing.soak import examples


@settings(max_examples=examples(30))
@given(rows=odd_sheets)
def test_the_same_questions_as_the_engine(judge: Judge, rows: list[Row]) -> None:
    expected = [" ".join(asked(spoken(row["messages"]))) or None if row.get("messages") else None for row in rows]
    found = {
        row["reviewed_by"]: row["asked"]
        for row in judge.hashed([{**row, "reviewed_by": str(place)} for place, row in enumerate(rows)])
    }
    assert [found[str(place)] for place in range(len(rows))] == expected
