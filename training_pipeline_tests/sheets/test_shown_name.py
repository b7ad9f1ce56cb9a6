from __future__ import annotations

import pytest

from training_pipeline.sheets.shown_name import shown_name


@pytest.mark.parametrize("name", ["status", "Usage Reason", "answer[0].text", "größe_(cm)", "yes/no"])
def test_a_name_of_one_or_two_words_is_shown(name: str) -> None:
    assert shown_name(name) == name


@pytest.mark.parametrize("text", ["Is there a fracture?", "No fracture seen", "x" * 41, "", "a\nb", "a, b"])
def test_of_what_may_be_text_only_the_length_is_shown(text: str) -> None:
    assert shown_name(text) == f"({len(text)} characters)"
