from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.differences import differing, flat

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.sampled_from(["a", "b"])),
    lambda inner: st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=6,
)
RECORDS = st.lists(st.dictionaries(st.sampled_from("pqr"), VALUES, max_size=3), min_size=1, max_size=5)


def test_nested_values_have_dotted_names() -> None:
    assert flat({"a": 1, "b": {"c": None, "d": {"e": 2}}, "f": {}}) == {"a": 1, "b.c": None, "b.d.e": 2}


def test_what_one_does_not_have_makes_no_difference_and_null_is_a_value() -> None:
    assert differing([{"a": 1, "b": 2}, {"a": 1}]) == {}
    assert differing([{"a": 1}, {"a": None}, {}]) == {"a": [1, None, None]}


@given(RECORDS)
def test_a_name_differs_where_two_that_have_it_do(records: list[dict[str, Any]]) -> None:
    found = differing(records)
    for name in {name for record in records for name in flat(record)}:
        known = [flat(record)[name] for record in records if name in flat(record)]
        assert (name in found) == any(one != other for one in known for other in known)
    for name, values in found.items():
        assert values == [flat(record).get(name) for record in records]
    assert differing([records[0]] * 3) == {}
