from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training_pipeline.sheets.files.json_objects import JsonObjects
from training_pipeline.sheets.importing.reading import json_values

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from('ab"[]{}\\'), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(st.sampled_from(["q", "a", "[", '"}']), VALUES, min_size=1, max_size=3), max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(objects=OBJECTS, block=st.integers(1, 40), indent=st.sampled_from([None, 1]), escape=st.booleans())
def test_the_values_of_an_array_however_it_comes_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, objects: Any, block: int, indent: int | None, escape: bool
) -> None:
    monkeypatch.setattr(json_values, "_BLOCK", block)
    file = tmp_path / "a.json"
    for text in (
        json.dumps(objects, indent=indent, ensure_ascii=escape),
        "\n".join(json.dumps(one, indent=indent, ensure_ascii=escape) for one in objects),
    ):
        file.write_text(text, encoding="utf-8")
        rows = list(json_values.rows(file))
        assert [row.values for row in rows] == objects
        assert [row.line for row in rows] == list(range(1, len(objects) + 1))


@pytest.mark.parametrize(
    ("text", "row", "said"),
    [
        ('[{"a": 1} {"a": 2}]', 2, "follows without a comma"),
        ('[{"a": 1},]', 2, "a comma too many"),
        ('[{"a": 1}] {"a": 2}', 2, "comes after the end"),
        ('[{"a": 1}, {"a": "x', 2, "it does not end"),
        ('[{"a": 1}', 2, "it does not end"),
        ("[1, 2]", 1, "is a number; every line must be one JSON object"),
        ('[{"a" 1}]', 1, "is not JSON"),
    ],
)
def test_what_is_no_json_is_told_at_its_place(tmp_path: Path, text: str, row: int, said: str) -> None:
    (tmp_path / "a.json").write_text(text)
    found = [(one.line, problem.message) for one in json_values.rows(tmp_path / "a.json") for problem in one.problems]
    assert found[0][0] == row
    assert said in found[0][1]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    objects=OBJECTS,
    cut=st.integers(0, 60),
    junk=st.sampled_from(["", ",", "]", "{", "}", '"', "NaN", "1", '{"a":1,"a":2}', '"\\ud800"', "\ufeff", "\0"]),
)
def test_a_value_that_is_decoded_where_it_stands_is_read_as_one_that_is_cut_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, objects: Any, cut: int, junk: str
) -> None:
    text = json.dumps(objects)
    (tmp_path / "a.json").write_text(text[:cut] + junk + text[cut:], encoding="utf-8")
    found = list(json_values.rows(tmp_path / "a.json"))
    with monkeypatch.context() as patched:
        patched.setattr(JsonObjects, "first_in", lambda *_: None)
        assert found == list(json_values.rows(tmp_path / "a.json"))
