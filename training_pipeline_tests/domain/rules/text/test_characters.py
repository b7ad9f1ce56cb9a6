"""White space is what Unicode says, in every dialect."""

from __future__ import annotations

import re
import sys

import ibis
import pytest

from training_pipeline.domain.rules.text.characters import VISIBLE, is_blank, lowered, trimmed
from training_pipeline.domain.rules.text.white_space import WHITE_SPACE

#: str.isspace() also counts the information separators, which are not White_Space.
SEPARATORS = set("\x1c\x1d\x1e\x1f")


def test_the_list_is_complete() -> None:
    assert set(WHITE_SPACE) == {chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()} - SEPARATORS
    assert "".join(sorted(WHITE_SPACE)) == WHITE_SPACE


def test_every_character_is_spelled_in_the_expression() -> None:
    assert re.findall(r"\\x\{([0-9A-F]+)\}", VISIBLE) == [f"{ord(character):X}" for character in WHITE_SPACE]


def test_blank_and_trimmed_in_the_engine() -> None:
    texts = [None, "", WHITE_SPACE, WHITE_SPACE + "\x1f", "\u2003a", " \t\r\na b\n"]
    table = ibis.memtable(
        {"number": list(range(len(texts))), "text": texts}, schema={"number": "int64", "text": "string"}
    )
    rows = table.select("number", blank=is_blank(table.text), trimmed=trimmed(table.text)).order_by("number")
    found = rows.to_pyarrow().to_pydict()
    assert found["blank"] == [True, True, True, False, False, False]
    assert found["trimmed"][-1] == "a b"


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
