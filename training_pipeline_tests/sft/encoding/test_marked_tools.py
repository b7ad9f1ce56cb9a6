from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.sft.encoding.marked_tools import marked_tools, without_required

words = st.text("abz ", max_size=3)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), words),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(words, inner, max_size=2)),
    max_leaves=5,
)
keys = st.sampled_from(["type", "description", "enum", "properties", "required", "items", "default"])
schemas = st.recursive(
    st.dictionaries(keys, values, max_size=4),
    lambda inner: st.fixed_dictionaries({"properties": st.dictionaries(words, inner, max_size=2)}),
    max_leaves=4,
)


@given(st.lists(st.fixed_dictionaries({"function": st.fixed_dictionaries({"name": words, "parameters": schemas})})))
def test_every_marker_stands_once_in_what_was_marked(tools: list[dict[str, Any]]) -> None:
    before = json.dumps(tools)
    marked, marks = marked_tools(tools)
    written = json.dumps(marked)
    assert json.dumps(tools) == before
    assert len({mark for mark, _ in marks}) == len(marks)
    assert all(mark in written for mark, _ in marks)


def test_types_stay_and_parameters_are_required_by_their_markers() -> None:
    given = {"type": "object", "properties": {"on": {"type": "string"}}, "required": ["on", "gone"]}
    marked, marks = marked_tools([{"name": "look", "parameters": given}])
    (tool,) = marked or []
    assert marks == [
        ("definition0x", "the name of a tool definition"),
        ("definition1x", "a parameter of a tool definition"),
    ]
    assert tool["parameters"] == {
        "type": "object",
        "properties": {"definition1x": {"type": "string"}},
        "required": ["definition1x", "gone"],
    }
    (optional,) = without_required([tool]) or []
    assert optional["parameters"] == {**tool["parameters"], "required": ["gone"]}


@pytest.mark.parametrize("tools", [None, []])
def test_no_tools_have_no_markers(tools: list[dict[str, Any]] | None) -> None:
    assert marked_tools(tools) == (None, [])
    assert without_required(tools or []) is None
