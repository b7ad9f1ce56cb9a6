"""Pair ids are told in the same words by the application and by the training program."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain import pairs_in_words
from training_pipeline.sft.encoding import pair_ids


@given(ids=st.lists(st.text(max_size=120), max_size=12), more=st.integers(0, 5))
def test_the_training_program_says_it_alike(ids: list[str], more: int) -> None:
    count = len(ids) + more
    assert pairs_in_words.listed(ids, count) == pair_ids.listed(ids, count)
    assert len(pairs_in_words.listed(ids, count)) < 10 * 1300


def test_ten_are_named_and_the_rest_counted() -> None:
    assert pairs_in_words.listed([f"p{n}" for n in range(12)], 12).endswith("'p9' and 2 more")
    assert pairs_in_words.listed(["p"], 1) == "pair 'p'"
