"""Many texts at once have the forms that each of them has by itself."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from training_pipeline.domain.rules.text.many_forms import loose_forms, strict_form, texts_of
from training_pipeline.domain.rules.text.plain_form import loose, strict

EVERY = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
#: Letters, blanks and punctuation, of every kind that is treated by itself.
MIXED = "aBcZ .,!?\n\t\x00\x7fßÜü\u00d7÷ÿ¿«»\u2019“\u2013é\u0301e\u00b4\u200bかﬁЖ\u3000\x85\u00a0Ǿ"


def assert_same(texts: list[str]) -> None:
    given = [text.encode() for text in texts]
    wrong = [
        text
        for text, form, text_bytes in zip(texts, loose_forms(given), given, strict=True)
        if form != loose(text).encode() or strict_form(text_bytes) != strict(text).encode()
    ]
    assert wrong[:5] == []


@pytest.mark.parametrize("around", ["{}", "É{}x", "{}!", " {}\u2019"])
def test_every_character_has_the_form_that_it_has_alone(around: str) -> None:
    assert_same([around.format(character) for character in EVERY[:: 1 if around == "{}" else 11]])


@pytest.mark.parametrize("kinds", [10, 12, 22, len(MIXED)])
def test_so_have_mixtures(kinds: int) -> None:
    made = random.Random(kinds)
    assert_same(["".join(made.choices(MIXED[:kinds], k=made.randrange(9))) for _ in range(5_000)])


def test_texts_are_read_from_any_part_of_a_column() -> None:
    texts = ["a", None, "", "über", "c\0d", None]
    for column in (pa.array(texts, pa.string()), pa.array(texts, pa.large_string())):
        for start in range(len(texts) + 1):
            expected = [(text or "").encode() for text in texts[start:]]
            assert texts_of(column.slice(start)) == expected
    assert texts_of(pa.nulls(2, pa.string())) == [b"", b""]
