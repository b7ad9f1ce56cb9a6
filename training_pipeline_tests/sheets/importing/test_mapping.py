from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.sheets.importing.mapping import ColumnMapping, read_mapping, write_mapping

YAML = b"""
columns:
  question: [context, Frage]
  allowed_uses: ok_for_training
values:
  allowed_uses:
    yes: training, validation
    no:
  reviewed_by: {AB: "Burke, Anna"}
ignore: [notes]
"""


def test_yes_and_no_are_words() -> None:
    mapping = read_mapping(YAML, "m.yaml")
    assert mapping.columns == {"question": ("context", "Frage"), "allowed_uses": ("ok_for_training",)}
    assert mapping.values["allowed_uses"] == {"yes": ("training", "validation"), "no": ()}
    assert mapping.values["reviewed_by"] == {"AB": ("Burke, Anna",)}


WORD = st.sampled_from(["yes", "no", "1", "null", "2026-01-01", "Ja, gern", "on", "~", "ü: x", "#"])


@given(
    question=st.lists(WORD, min_size=1, max_size=2, unique=True),
    uses=st.dictionaries(WORD, st.lists(st.sampled_from(["training", "testing"]), unique=True), max_size=3),
    names=st.dictionaries(WORD, st.lists(WORD, max_size=1), max_size=3),
    ignore=st.lists(WORD, max_size=2),
)
def test_what_is_written_is_read_again(
    question: list[str], uses: dict[str, list[str]], names: dict[str, list[str]], ignore: list[str]
) -> None:
    values = {"allowed_uses": uses, "reviewed_by": names}
    mapping = ColumnMapping.model_validate({"columns": {"question": question}, "values": values, "ignore": ignore})
    assert read_mapping(write_mapping(mapping), "m.yaml") == mapping


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("columns: {colour: x}", "colour: no column of a training sheet"),
        ("columns: {answer: [a, b]}", "answer: give one column"),
        ("values: {allowed_uses: {yes: trainin}}", "'trainin' is not one of"),
        ("values: {status: {yes: 'labeled, flagged'}}", "'labeled, flagged' is not one of"),
        ("choose: mine", "must be one of agree, latest, ground_truth"),
        ("colums: {}", "m.yaml, /colums"),
        ("a: [", "m.yaml, line 1"),
        ("a: 1\na: 2", "appears twice"),
        ("x", "m.yaml"),
    ],
)
def test_what_is_wrong_with_it_is_said(text: str, said: str) -> None:
    with pytest.raises(InvalidRequest, match="The mapping cannot be used") as caught:
        read_mapping(text.encode(), "m.yaml")
    assert said in str(caught.value)


def test_an_empty_mapping_says_nothing() -> None:
    assert read_mapping(b"# nothing\n", "m.yaml") == ColumnMapping()


def test_the_options_count_more_than_the_file() -> None:
    options = ColumnMapping.model_validate(
        {"columns": {"answer": "A"}, "values": {"allowed_uses": {"no": "testing"}}, "ignore": ["b"]}
    )
    merged = read_mapping(YAML, "m.yaml").with_(options)
    assert merged.columns["question"] == ("context", "Frage")
    assert merged.columns["answer"] == ("A",)
    assert merged.values["allowed_uses"] == {"yes": ("training", "validation"), "no": ("testing",)}
    assert merged.ignore == ("notes", "b")


@pytest.mark.parametrize("delimiter", ["ab", "", '"', "\n", "\r"])
def test_a_delimiter_is_one_character_and_separates(delimiter: str) -> None:
    with pytest.raises(ValidationError):
        ColumnMapping(delimiter=delimiter)
