from __future__ import annotations

import ibis
import pytest

from training_pipeline.domain.rules.letter_case import lowered


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What IS it?", "what is it?"),
        ("ÄRGER", "ärger"),
        ("\u0130stanbul", "i\u0307stanbul"),
        ("X\u03a3 X\u03c2", "x\u03c3 x\u03c3"),  # a final sigma like any other
        ("ß", "ß"),
    ],
)
def test_letters_become_the_same_in_every_engine(text: str, expected: str) -> None:
    assert ibis.duckdb.connect().execute(lowered(ibis.literal(text))) == expected


def test_null_stays_null() -> None:
    missing = lowered(ibis.null("string")).isnull()
    assert ibis.duckdb.connect().execute(missing)
