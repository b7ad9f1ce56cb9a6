"""Scores of answers: compared with what others define, and never equal where the answers differ."""

from __future__ import annotations

import json
import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.sft.evaluation.scorers import (
    choices,
    common_subsequence,
    field_f1,
    length,
    normalised,
    rouge_l,
    score,
    token_losses,
    words,
)
from training_pipeline.testing.soak import examples

SEQUENCE = st.lists(st.sampled_from("abcd"), max_size=9)
LEAF = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.text(max_size=3)
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
)


def by_trying(first: list[str], second: list[str]) -> int:
    """The longest subsequence of the one that is one of the other."""

    def holds(wanted: tuple[str, ...]) -> bool:
        rest = iter(second)
        return all(word in rest for word in wanted)

    sizes = range(len(first), -1, -1)
    return next(size for size in sizes if any(map(holds, combinations(first, size))))


@given(SEQUENCE, SEQUENCE)
def test_the_longest_common_subsequence_is_the_one_found_by_trying(first: list[str], second: list[str]) -> None:
    assert common_subsequence(first, second) == by_trying(first, second)


def test_rouge_l_of_the_example_of_its_paper() -> None:
    # Lin (2004), section 3.1: "police killed the gunman" against "police kill the gunman" and "the gunman kill police".
    reference = ["police", "killed", "the", "gunman"]
    assert rouge_l(reference, ["police", "kill", "the", "gunman"]) == pytest.approx(3 / 4)
    assert rouge_l(reference, ["the", "gunman", "kill", "police"]) == pytest.approx(2 / 4)


@given(SEQUENCE, SEQUENCE)
def test_rouge_l_is_a_share_and_says_one_of_the_same(first: list[str], second: list[str]) -> None:
    found = rouge_l(first, second)
    assert 0 <= found <= 1
    assert (found == 1) == (first == second)
    assert found == rouge_l(second, first)


def test_a_long_answer_costs_little() -> None:
    rng = np.random.default_rng(3)
    first, second = (rng.integers(0, 500, 4_000).astype(str).tolist() for _ in range(2))
    assert 0 < common_subsequence(first, second) < 4_000


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Graz.", "graz"),
        ("  “Graz”! ", "GRAZ"),
        ("Straße", "STRASSE"),
        ("cafe\u0301", "CAF\u00c9"),
        ("\uff21\uff22\uff13", "ab3"),
        ("o\ufb03ce", "office"),
        ("in\u00advoice\u200b", "\ufeffinvoice"),
        ("two\n\n  words", "two words"),
        ("東京。", "東京"),
    ],
)
def test_how_an_answer_is_written_makes_no_difference(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("-5", "5"),
        (".5", "5"),
        ("5 %", "5"),
        ("x²", "x2"),
        ("C#", "C"),
        ("12", "1 2"),
        ("f(x)", "f(x"),
        ("$5", "5"),
        ("1.5", "15"),
        ("½", "12"),
        ("!", "?"),
        ("a+", "a"),
    ],
)
def test_another_answer_is_another(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)
    assert score(one, other)["normalised_match"] == 0


@settings(max_examples=examples(60))
@given(st.text())
def test_what_is_normalised_stays_as_it_is(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)
    assert normalised(text) or not "".join(text.split()) or all(not letter.isprintable() for letter in normalised(text))


def test_words_of_scripts_without_spaces_are_their_characters() -> None:
    assert words("Das 東京-Büro, Nr. 7") == ["das", "東", "京", "büro", "nr", "7"]


@given(JSON)
def test_the_same_json_has_all_its_fields(value: Any) -> None:
    assert field_f1(value, json.loads(json.dumps(value))) == 1


@given(JSON, JSON)
def test_the_f1_of_fields_is_a_share_and_the_same_both_ways(one: Any, other: Any) -> None:
    found = field_f1(one, other)
    assert 0 <= found <= 1
    assert found == field_f1(other, one)
    # What is one value has one field, of its own kind.
    assert (found == 1) == (json.dumps(_plain(one), sort_keys=True) == json.dumps(_plain(other), sort_keys=True))


def _plain(value: Any) -> Any:
    """Numbers as they compare: JSON knows no difference between 1 and 1.0, nor between 0 and -0."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return float(value) + 0.0 if isinstance(value, int | float) and not isinstance(value, bool) else value


def test_the_f1_of_fields_by_hand() -> None:
    expected = {"name": "Ann", "age": 7, "tags": ["a", "b"]}
    assert field_f1(expected, {"name": "Ann", "age": 7.0, "tags": ["b", "a"]}) == pytest.approx(2 * 2 / (4 + 4))
    assert field_f1(expected, {"name": "Ann"}) == pytest.approx(2 * 1 / (4 + 1))
    assert field_f1({"on": True}, {"on": 1}) == 0
    assert field_f1({"tags": []}, {"tags": {}}) == 0


@pytest.mark.parametrize("answer", ["", "{", '{"a": NaN}', "```json\n{}\n```", '{"a": 1} and so on', "[" * 200_000])
def test_what_is_no_json_has_no_fields(answer: str) -> None:
    found = score('{"a": 1}', answer)
    assert (found["json_valid"], found["json_f1"]) == (0, 0)


def test_json_says_nothing_of_an_answer_that_is_none() -> None:
    found = score("7", "7")
    assert (found["json_valid"], found["json_f1"], found["exact_match"]) == (None, None, 1)
    assert score('{"a": null}', "null")["json_valid"] == 1
    assert score('{"a": null}', ' {"a":null}')["json_f1"] == 1


def test_no_answer_is_a_wrong_one() -> None:
    assert score("7", None) == score("7", "")
    assert score("7", None)["exact_match"] == 0


def test_losses_are_means_over_tokens() -> None:
    logprobs = np.log([0.5, 0.25, 0.125])
    losses = token_losses(logprobs, [1, 0, 2])
    assert losses == pytest.approx([math.log(2), math.nan, math.log(32) / 2], nan_ok=True)
    with pytest.raises(ValueError, match="add up to 2"):
        token_losses(logprobs, [1, 1])


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(0, 2**32 - 1))
def test_losses_are_those_of_each_text_by_itself(lengths: list[int], seed: int) -> None:
    logprobs = -np.random.default_rng(seed).random(sum(lengths))
    texts = np.split(logprobs, np.cumsum(lengths)[:-1])
    expected = [-text.mean() if len(text) else math.nan for text in texts]
    assert token_losses(logprobs, lengths) == pytest.approx(expected, nan_ok=True)


def test_a_choice_is_right_where_the_experts_answer_is_likeliest_by_itself() -> None:
    losses = np.array([[1.0, 2.0, 3.0], [2.0, 1.0, 3.0], [1.0, 1.0, 2.0], [1.0, math.nan, 2.0]])
    assert choices(losses) == pytest.approx([1, 0, 0, math.nan], nan_ok=True)
    assert np.isnan(choices(losses[:, :1])).all()


def test_answers_of_like_length_are_a_slice() -> None:
    found = [length("word " * count) for count in (0, 4, 5, 64, 256, 257)]
    assert found == ["0 to 4 words"] * 2 + ["5 to 16 words", "17 to 64 words", "65 to 256 words", "257 words and more"]
