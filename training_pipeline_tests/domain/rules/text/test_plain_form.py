"""The forms in Python against Python's own Unicode of the same version."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given

from training_pipeline.domain.rules.text.plain_form import loose, strict
from training_pipeline.testing.oracles import text_oracle
from training_pipeline.testing.sheets.texts import every_code_point, odd_texts
from training_pipeline.testing.soak import SOAKING

same_unicode = pytest.mark.skipif(unicodedata.unidata_version != "14.0.0", reason="the table is of Unicode 14")


def other(text: str) -> bool:
    return (loose(text), strict(text)) != (text_oracle.loose(text), text_oracle.strict(text))


@same_unicode
@pytest.mark.soak
def test_every_code_point() -> None:
    different = [ascii(text) for text in every_code_point(sliced=not SOAKING) if other(text)]
    assert not different, (len(different), different[:10])


@same_unicode
@given(text=odd_texts)
def test_random_texts(text: str) -> None:
    assert (loose(text), strict(text)) == (text_oracle.loose(text), text_oracle.strict(text))
