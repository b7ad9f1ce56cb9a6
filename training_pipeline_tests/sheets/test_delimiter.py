from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from training_pipeline.sheets.delimiter import NO_DELIMITERS, Delimiter

DELIMITER: TypeAdapter[str] = TypeAdapter(Delimiter)


@given(st.characters(exclude_categories=["Cs"], exclude_characters=[*sorted(NO_DELIMITERS), *"ab"]))
def test_every_other_character_separates(character: str) -> None:
    line = f"a{DELIMITER.validate_python(character)}b"
    assert list(csv.reader([line], delimiter=character, strict=True)) == [["a", "b"]]


@pytest.mark.parametrize("said", [*sorted(NO_DELIMITERS), "", ",,"])
def test_what_means_something_else_does_not(said: str) -> None:
    with pytest.raises(ValidationError):
        DELIMITER.validate_python(said)
