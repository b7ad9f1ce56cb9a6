"""Sound rows of each format, with anything else somewhere: they become pairs, or it is said what is wrong."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.sheets.importing.formats import argilla
from training_pipeline.sheets.importing.formats.base import CHOICES, Flat, Gathering, Notes, flattened
from training_pipeline.sheets.importing.formats.registry import FORMATS
from training_pipeline.sheets.importing.mapping import ColumnMapping
from training_pipeline.sheets.importing.pairs import judged, pair_of, plan_of
from training_pipeline.sheets.importing.stored import stored
from training_pipeline.sheets.importing.tally import Tally

_CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
_TURNS = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
_TOOL_TURNS: list[dict[str, Any]] = [
    _TURNS[0],
    {"role": "assistant", "content": "a", "tool_calls": [_CALL]},
    {"role": "tool", "content": "r", "tool_call_id": "1"},
    {"role": "assistant", "content": "z", "weight": 1, "train": True, "function_call": _CALL["function"]},
]
_ANNOTATION = {
    "id": 2,
    "result": [{"from_name": "answer", "value": {"text": ["a"]}, "type": "textarea"}],
    "reviews": [{"accepted": True, "created_by": {"email": "e"}, "created_at": "x"}],
    "completed_by": {"email": "e"},
    "updated_at": "x",
}
_GIVEN = {"values": {"answer": {"value": "a"}}, "user_id": "u", "status": "submitted"}
#: A sound row of each form that a format may have.
ROWS: list[tuple[str, dict[str, Any]]] = [
    ("argilla", {"fields": {"q": "h"}, "responses": [_GIVEN], "suggestions": [{"a": 1}], "external_id": "e"}),
    ("argilla", {"fields": {"q": "h"}, "responses": {"answer": [{"value": "a", "user_id": "u", "status": "draft"}]}}),
    ("argilla", {"q": "h", "l.responses": ["a"], "l.responses.users": ["u"], "l.responses.status": ["submitted"]}),
    ("label-studio", {"id": 1, "data": {"text": "h"}, "annotations": [_ANNOTATION], "predictions": [{}]}),
    (
        "prodigy",
        {
            **{"_input_hash": 1, "_task_hash": 2, "text": "h", "answer": "accept", "accept": ["a"], "_timestamp": 1.0},
            **{"options": [{"id": "a", "text": "A"}], "_annotator_id": "x"},
        },
    ),
    ("openai-chat", {"messages": _TOOL_TURNS, "tools": [{"type": "function"}], "functions": [{"name": "f"}]}),
    ("sharegpt", {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a", "loss": True}]}),
    ("alpaca", {"instruction": "i", "input": "q", "output": "o", "history": [["a", "b"]], "system": "s"}),
    ("preference", {"prompt": "q", "chosen": "a", "rejected": "b"}),
    ("preference", {"chosen": _TURNS, "rejected": _TURNS}),
    ("kto", {"prompt": "q", "completion": "a", "label": True}),
    ("prompt-completion", {"prompt": _TURNS[:1], "completion": _TURNS[1:]}),
    ("prompt-completion", {"prompt": "q", "completion": "a"}),
    ("columns", {"question": "q", "answer": "a"}),
]
LEAVES = st.none() | st.booleans() | st.sampled_from([0, 5, -1, 10**400, "a", "x"]) | st.floats(allow_nan=False)
NAMES = st.sampled_from(["value", "id", "x"])
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2), max_leaves=4
)


def places(value: object, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place within a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*place, key)
        yield from places(one, (*place, key))


def changed(row: dict[str, Any], place: tuple[Any, ...], value: object) -> dict[str, Any]:
    """The row with another value at a place."""
    made = copy.deepcopy(row)
    at: Any = made
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    return made


def test_there_is_a_row_of_each_format() -> None:
    assert {name for name, _ in ROWS} == set(FORMATS)


@given(st.data(), st.sampled_from(ROWS), st.sampled_from(CHOICES))
def test_no_format_stumbles(data: st.DataObject, of: tuple[str, dict[str, Any]], choose: str) -> None:
    name, row = of
    form = FORMATS[name]
    for _ in range(data.draw(st.integers(1, 2))):
        row = changed(row, data.draw(st.sampled_from(list(places(row)))), data.draw(JSON))
    form.recognise([row])
    notes = Notes()
    if (flat := form.flatten(row, notes, choose)) is not None:
        plan = plan_of([flat], form, ColumnMapping(), stated={}, sheet_id="s", is_text=False)
        pair = pair_of(flat, plan, notes, Tally())
        judged(pair, plan, notes, 1)
        stored(pair)
    if isinstance(form, Gathering):
        form.task_of(row)
        form.flatten_task([of[1], row], Notes(), choose)


@pytest.mark.parametrize(
    ("place", "value", "path"),
    [
        (("responses", 0, "values"), ["a"], "responses[].values"),
        (("responses", 0, "user_id"), ["u"], "responses"),
        (("responses", 0, "user_id"), {"id": 1}, "responses"),
        (("suggestions",), 5, None),
    ],
)
def test_what_argilla_does_not_write_is_told(place: tuple[Any, ...], value: object, path: str | None) -> None:
    notes = Notes()
    argilla.Argilla().flatten(changed(ROWS[0][1], place, value), notes, "agree")
    assert [problem.path for problem in notes.problems] == ([] if path is None else [path])
    assert notes.spoilt == (path is not None)


@pytest.mark.parametrize("name", ["users", "status"])
def test_users_and_states_that_are_no_lists_are_told(name: str) -> None:
    notes = Notes()
    argilla.Argilla().flatten(changed(ROWS[2][1], (f"l.responses.{name}",), 5), notes, "agree")
    assert [problem.path for problem in notes.problems] == [f"l.responses.{name}"]


@pytest.mark.parametrize(("reviews", "problems"), [(5, 1), ({"accepted": False}, 1), ([], 0), (None, 0)])
def test_reviews_that_are_no_list_are_told(reviews: object, problems: int) -> None:
    notes = Notes()
    row = changed(ROWS[3][1], ("annotations", 0, "reviews"), reviews)
    FORMATS["label-studio"].flatten(changed(row, ("predictions",), 5), notes, "agree")
    assert [problem.path for problem in notes.problems] == ["annotations[0].reviews"] * problems
    assert notes.left_out["predictions"] == 1


def test_a_row_that_a_format_stumbles_over_has_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(argilla, "_by_user", fail)
    form, notes = argilla.Argilla(), Notes()
    failure: Exception = KeyError("a secret text")
    assert flattened(form, [ROWS[0][1]], notes, "agree") == Flat()
    ((path, message),) = [(problem.path, problem.message) for problem in notes.problems]
    assert (path, message, notes.spoilt) == ("", "cannot be read as one of Argilla records (KeyError)", True)
    failure = MemoryError()
    with pytest.raises(MemoryError):
        flattened(form, [ROWS[0][1]], notes, "agree")
