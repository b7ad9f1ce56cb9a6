"""Notes and tags are bounded and plain, whatever is written."""

from __future__ import annotations

import unicodedata

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.annotations import LONGEST_NOTE, MOST_TAGS, plain_note, plain_tags
from training_pipeline.testing.soak import examples

KEYS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", fullmatch=True)
VALUES = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=","), min_size=1, max_size=80)
TAGS = KEYS | st.builds(lambda key, value: f"{key}:{value}", KEYS, VALUES)
HOSTILE = ["<script>alert(1)</script>", "[bold red]x[/]", "![x](https://a.b/c.png)", "{{ job.id }}", "%s %(x)s"]


@hypothesis.settings(max_examples=examples(100))
@given(st.text(max_size=50) | st.sampled_from(HOSTILE))
def test_a_note_is_kept_as_it_is_or_refused(text: str) -> None:
    try:
        note = plain_note(text)
    except ValueError:
        assert any(unicodedata.category(one)[0] in "CZ" for one in text)
        return
    assert note == text.replace("\r\n", "\n").strip()
    assert plain_note(note) == note


def test_a_note_is_bounded() -> None:
    assert len(plain_note("x" * LONGEST_NOTE + " ")) == LONGEST_NOTE
    with pytest.raises(ValueError, match="at most 2,000"):
        plain_note("x" * (LONGEST_NOTE + 1))


@hypothesis.settings(max_examples=examples(50))
@given(st.lists(TAGS, max_size=MOST_TAGS))
def test_tags_are_kept_once_each_and_in_their_order(tags: list[str]) -> None:
    found = plain_tags([f" {tag}\t" for tag in tags])
    assert found == list(dict.fromkeys(tags))
    assert plain_tags(found) == found


@pytest.mark.parametrize(
    "tag",
    [
        "",
        ":",
        "a:",
        ":a",
        "a b",
        "a,b",
        "a:b,c",
        "-a",
        "x" * 41,
        "a:" + "x" * 81,
        "a:\u202eb",
        "a:b\nc",
        "a:\0",
        "a: b",
    ],
)
def test_what_is_no_tag_is_named(tag: str) -> None:
    with pytest.raises(ValueError, match="must be a key") as caught:
        plain_tags(["fine", tag])
    assert "fine" not in str(caught.value)


def test_more_tags_than_that_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 20 tags"):
        plain_tags([f"t{number}" for number in range(MOST_TAGS + 1)])
