from __future__ import annotations

import json

import pytest

from training_pipeline.domain.rules.examples.json_text import NO_JSON, as_double, first_counts, is_ambiguous, parsed


@pytest.mark.parametrize(("text", "value"), [(" [1, null] ", [1, None]), ('"a"', "a"), ("null", None)])
def test_json_is_parsed(text: str, value: object) -> None:
    assert parsed(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "[1] junk", "[1,]", "NaN", "[-Infinity]", "[" * 100_000, '{"a":1,"a":1}', '[{"b":{"a":1,"\\u0061":2}}]'],
)
def test_anything_else_is_no_json(text: str) -> None:
    assert parsed(text) is NO_JSON


@pytest.mark.parametrize(
    ("value", "double"), [(1, 1.0), (0.5, 0.5), (10**400, None), (-(10**400), None), (True, None), ("1", None)]
)
def test_a_number_is_a_double_where_one_can_hold_it(value: object, double: float | None) -> None:
    assert as_double(value) == double


@pytest.mark.parametrize(
    ("text", "ambiguous"), [('[{"a":1},{"a":1}]', False), ('[[{"a":{"b":1,"b":2}}]]', True), ('{"a":1,"a":2}', True)]
)
def test_a_key_that_stands_twice_is_told(text: str, ambiguous: bool) -> None:
    value = json.loads(text, object_pairs_hook=first_counts)
    assert is_ambiguous(value) is ambiguous
    assert is_ambiguous("text") is False


def test_of_a_key_that_stands_twice_the_first_counts() -> None:
    assert json.loads('{"a":1,"b":3,"a":2}', object_pairs_hook=first_counts) == {"a": 1, "b": 3}
