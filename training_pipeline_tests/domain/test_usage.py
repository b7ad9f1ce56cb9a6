from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.usage import (
    STRICTNESS,
    TAG_RULES,
    DataClassification,
    Use,
    constraints_from_tags,
    ruling_words,
)

TAGS = st.lists(st.sampled_from([*TAG_RULES, "FINANCE", "team"]), max_size=5)


def test_a_tag_without_a_rule_takes_nothing_away() -> None:
    found = constraints_from_tags(["FINANCE"])
    assert (found.prohibits, found.classification, found.reason) == (frozenset(), None, "")


def test_case_makes_no_difference_and_the_reason_names_the_tags_once() -> None:
    found = constraints_from_tags(["phi", "Confidential", "PHI"])
    assert found.prohibits == {Use.TRAINING, Use.VALIDATION, Use.FEW_SHOT, Use.EVALUATION}
    assert found.classification is DataClassification.RESTRICTED
    assert found.reason == "source table is tagged CONFIDENTIAL, PHI"


@pytest.mark.parametrize("tag", ["PHI ", " phi", "\tPHI\n", "\u00a0PHI\u3000"])
def test_white_space_around_a_tag_takes_no_rule_away(tag: str) -> None:
    assert constraints_from_tags([tag]) == constraints_from_tags(["PHI"])


@pytest.mark.parametrize(
    "text", ["PHI;pii", "PHI, pii", "PHI/pii", "[PHI] (pii)", '["PHI", "pii"]', "internal|PHI|pii\n"]
)
def test_words_with_a_rule_are_found_whatever_stands_between_them(text: str) -> None:
    assert ruling_words(text) == ["PHI", "pii"]


@pytest.mark.parametrize("text", ["non-PII", "Non-Confidential", "PHI_free", "no-phi; not.pii", "unconfidential", ""])
def test_a_word_that_says_the_opposite_has_no_rule(text: str) -> None:
    assert ruling_words(text) == []


@given(TAGS, TAGS)
def test_more_tags_never_take_less_away(some: list[str], more: list[str]) -> None:
    before, after = constraints_from_tags(some), constraints_from_tags([*some, *more])
    assert before.prohibits <= after.prohibits
    if before.classification is not None:
        assert after.classification is not None
        assert STRICTNESS.index(before.classification) <= STRICTNESS.index(after.classification)
