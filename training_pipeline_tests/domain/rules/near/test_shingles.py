"""Shingles: the same sets that plain Python makes of a text, whatever stands beside it."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.rules.near.shingles import Texts, shingles, template

texts = st.lists(st.text(st.sampled_from("ab1 2é٣\U0001f600"), max_size=12), min_size=1, max_size=8)


def large(values: list[str]) -> pa.LargeStringArray:
    return pa.array(values, pa.large_string())


def plain(text: str) -> set[str]:
    return {text[place : place + 5] for place in range(max(len(text) - 4, 1))}


@given(texts)
def test_a_text_has_as_many_shingles_as_places_and_equal_ones_are_equal(values: list[str]) -> None:
    found = shingles(large(values))
    assert np.diff(found.offsets).tolist() == [max(len(value) - 4, 1) for value in values]
    sets = np.split(found.hashes, found.offsets[1:-1])
    for value, hashes in zip(values, sets, strict=True):
        assert len(set(hashes.tolist())) == len(plain(value))
        for other, others in zip(values, sets, strict=True):
            assert len({*hashes.tolist()} & {*others.tolist()}) == len(plain(value) & plain(other))


@given(texts)
def test_sequences_of_digits_have_one_number_each(values: list[str]) -> None:
    numbers = shingles(large(values)).digits.tolist()
    sequences = [tuple(re.findall(r"\d+", value)) for value in values]
    for mine, sequence in zip(numbers, sequences, strict=True):
        assert (mine == 0) == (not sequence)
        for other, another in zip(numbers, sequences, strict=True):
            assert (mine == other) == (sequence == another)


def test_numbers_are_the_same_everywhere() -> None:
    """Pinned: other numbers would be other signatures, and another version of the policy."""
    found = shingles(large(["naïve 12"]))
    assert [hex(number) for number in found.hashes.tolist()] == [
        "0x603c69dc4e77d797",
        "0x12157a6d6a20ea99",
        "0xc50989ee3700b1c4",
        "0x4db51517c0fb5256",
    ]
    assert [hex(number) for number in found.digits.tolist()] == ["0xa3e498b753e1f32d"]


def test_chunks_are_what_all_texts_are_at_once() -> None:
    values = [f"{number} " + "x" * (number % 7) * 100 for number in range(3000)]
    every = shingles(large(values))
    parts = list(Texts(pa.chunked_array([values[:10], values[10:]])).chunks())
    assert len(parts) > 1
    assert np.array_equal(np.concatenate([part.hashes for _, part in parts]), every.hashes)
    assert [start for start, _ in parts] == np.cumsum([0, *(len(part.digits) for _, part in parts[:-1])]).tolist()


def of(values: list[str]) -> set[int]:
    return set(template(Texts(pa.chunked_array([values]))).tolist())


def test_what_more_than_half_of_the_questions_repeat_is_template() -> None:
    named = [f"Is {chr(0x4E00 + 9 * number) * 7} right?" for number in range(60)]
    others = [chr(0x9000 + 9 * number) * 7 for number in range(58)]
    repeated = {*shingles(large([" right?"])).hashes.tolist()}
    assert of([*named, *others]) == repeated
    assert of([*named, *others, *others]) == set(), "not in more than half"


def test_what_few_questions_repeat_is_no_template() -> None:
    assert of([f"Is {chr(0x4E00 + 9 * number) * 7} right?" for number in range(19)]) == set()
    assert of([f"Is {chr(0x4E00 + 9 * number) * 7} right?" for number in range(20)]) != set()


def test_a_question_that_repeats_itself_counts_once() -> None:
    assert of(["na" * 40, *(chr(0x4E00 + 9 * number) * 7 for number in range(30))]) == set()
