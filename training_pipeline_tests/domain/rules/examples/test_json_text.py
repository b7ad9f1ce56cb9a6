from __future__ import annotations

import pytest

from training_pipeline.domain.rules.examples.json_text import NO_JSON, parsed


@pytest.mark.parametrize(("text", "value"), [(" [1, null] ", [1, None]), ('"a"', "a"), ("null", None)])
def test_json_is_parsed(text: str, value: object) -> None:
    assert parsed(text) == value


@pytest.mark.parametrize("text", ["", "[1] junk", "[1,]", "NaN", "[-Infinity]", "[" * 100_000])
def test_anything_else_is_no_json(text: str) -> None:
    assert parsed(text) is NO_JSON
