from __future__ import annotations

from typing import Any

import pytest

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.domain.uses import Question, question


def test_one_key_is_asked_for_and_a_sheet_may_say_where() -> None:
    assert question({"pair": "p", "sheet": None}) == Question(kind="pair", value="p")
    assert question({"pair": "p", "sheet": "s"}) == Question(kind="pair", value="p", training_sheet_id="s")
    assert question({"sheet": "s"}) == Question(kind="sheet", value="s")
    assert question({"row_hash": "0f" * 32}).value == "0f" * 32


@pytest.mark.parametrize(
    ("keys", "pointers"),
    [
        ({}, ["/item", "/label", "/pair", "/question_hash", "/row_hash", "/sheet", "/template"]),
        ({"pair": "p", "item": "i"}, ["/item", "/pair"]),
        ({"template": "t", "sheet": "s"}, ["/sheet", "/template"]),
        ({"row_hash": "P-1"}, ["/row_hash"]),
        ({"question_hash": "0f" * 32}, ["/question_hash"]),
        ({"pari": "p", "sheet": "s"}, ["/pari"]),
        ({"pair": ""}, ["/pair"]),
        ({"pair": "p\0"}, ["/pair"]),
        ({"pair": "\ud800", "sheet": "\udfff"}, ["/pair", "/sheet"]),
        ({"pair": "p" * 2001}, ["/pair"]),
    ],
)
def test_all_that_is_wrong_is_named(keys: dict[Any, str], pointers: list[str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        question(keys)
    assert [problem.pointer for problem in caught.value.problems] == pointers
