from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from training_pipeline.auth.token_format import ALPHABET, digest, id_of, matches, new_token


def test_a_token_is_known_by_its_form_and_leads_to_its_id() -> None:
    token_id, text = new_token()
    assert re.fullmatch(r"tpk_[0-9a-f]{12}_[0-9A-Za-z]{49}", text)
    assert id_of(text) == token_id
    assert matches(text, digest(text))
    assert len({new_token()[1] for _ in range(100)}) == 100


TOKEN = new_token()[1]


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from([*ALPHABET, "_", "-", " ", "é"]))
def test_a_character_that_was_mistyped_is_noticed(place: int, character: str) -> None:
    changed = TOKEN[:place] + character + TOKEN[place + 1 :]
    assert id_of(changed) == (id_of(TOKEN) if changed == TOKEN else None)


@given(st.integers(0, len(TOKEN) - 1), st.text(max_size=3))
def test_a_token_that_was_cut_or_has_more_around_it_is_none(length: int, more: str) -> None:
    assert id_of(TOKEN[:length]) is None
    assert more == "" or (id_of(TOKEN + more) is None and id_of(more + TOKEN) is None)


@given(st.text() | st.from_regex(r"tpk_[0-9a-f]{12}_[0-9A-Za-z]{49}", fullmatch=True))
@example("tpk_000000000000_" + "0" * 49)
def test_other_text_is_no_token(text: str) -> None:
    assert id_of(text) is None


@given(st.text(), st.text())
def test_only_the_token_itself_matches(text: str, other: str) -> None:
    assert matches(text.encode(errors="replace").decode(), digest(other.encode(errors="replace").decode())) == (
        text.encode(errors="replace") == other.encode(errors="replace")
    )
