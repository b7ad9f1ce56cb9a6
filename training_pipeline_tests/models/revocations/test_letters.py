from __future__ import annotations

import html
import json

from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.models.revocations.letters import letters

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(TEXTS, st.integers(1, 3), st.booleans())
def test_escaped_as_json_once_or_more_it_has_the_same_letters(text: str, times: int, ascii_only: bool) -> None:
    escaped = text
    for _ in range(times):
        escaped = json.dumps(escaped, ensure_ascii=ascii_only)
    assert letters(escaped.encode()) == letters(text.encode())


@given(TEXTS)
def test_escaped_as_xml_it_has_the_same_letters(text: str) -> None:
    assert letters(html.escape(text).encode()) == letters(text.encode())


def test_other_texts_have_other_letters() -> None:
    assert letters(b"Where does he live?") != letters(b"Where does she live?")
