from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.domain.revocations import Learned, Revoked, reason_problems, revoked, tainted

MODELS = tuple("abcdefgh")


@st.composite
def family(draw: st.DrawFn) -> tuple[dict[str, Learned], dict[str, list[str]]]:
    """Models in the order of their training, each from none, one or two of those before it; some learned."""
    parents = {
        model: draw(st.lists(st.sampled_from(MODELS[:place]), max_size=2, unique=True)) if place else []
        for place, model in enumerate(MODELS)
    }
    rows = st.builds(Learned, st.integers(0, 2), st.integers(0, 2))
    return draw(st.dictionaries(st.sampled_from(MODELS), rows)), parents


def above(model: str, parents: dict[str, list[str]]) -> set[str]:
    """All that a model comes from, by asking each parent in turn."""
    found: set[str] = set()
    for parent in parents[model]:
        found |= {parent} | above(parent, parents)
    return found


@given(family())
def test_a_model_is_tainted_by_what_it_and_all_above_it_learned(
    drawn: tuple[dict[str, Learned], dict[str, list[str]]],
) -> None:
    direct, parents = drawn
    learned = {model for model, rows in direct.items() if any(rows)}
    expected = {
        model: (direct.get(model, Learned(0, 0)), above(model, parents) & learned)
        for model in MODELS
        if model in learned or above(model, parents) & learned
    }
    found = tainted(direct, parents)
    assert {model: (how.own, set(how.inherited_from)) for model, how in found.items()} == expected
    assert all(len(how.inherited_from) == len(set(how.inherited_from)) for how in found.values())
    # A record that names the whole chain says the same as one that names the nearest.
    whole = {model: [*own, *sorted(above(model, parents) - set(own))] for model, own in parents.items()}
    again = tainted(direct, whole)
    assert {model: (how.own, set(how.inherited_from)) for model, how in again.items()} == expected


def test_three_generations_and_a_diamond() -> None:
    rows = Learned(2, 1)
    found = tainted({"a": rows, "clean": Learned(0, 0)}, {"b": ["a"], "c": ["b"], "d": ["c", "e"], "e": ["a"], "f": []})
    assert {model: how.inherited_from for model, how in found.items()} == {
        "a": (),
        "b": ("a",),
        "c": ("a",),
        "d": ("a",),
        "e": ("a",),
    }
    assert found["a"].own == rows


def test_what_can_be_revoked_is_one_thing_with_a_reason() -> None:
    assert revoked({"pair": "p-1", "sheet": "s"}, reason="asked for") == Revoked(
        kind="pair", value="p-1", training_sheet_id="s"
    )
    assert revoked({"label": "l-1"}, reason="wrong").training_sheet_id is None
    assert revoked({"sheet": "s"}, reason="wrong").kind == "sheet"
    with pytest.raises(InvalidRequest) as caught:
        revoked({"pair": "p-1"}, reason=" ")
    assert [problem.pointer for problem in caught.value.problems] == ["/sheet", "/reason"]
    for keys in ({"template": "t"}, {}, {"item": "i", "label": "l"}, {"row_hash": "x"}):
        with pytest.raises(InvalidRequest):
            revoked(keys, reason="r")  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", ["", " ", "\0", "\ud800", "x" * 1001])
def test_a_reason_that_cannot_be_kept_is_refused(reason: str) -> None:
    assert [problem.pointer for problem in reason_problems(reason)] == ["/reason"]
    assert reason_problems("x" * 1000) == []
