from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.testing.studies.trial_life import study_request
from training_pipeline.tuning.memory import Lacks, problems_of


def told(space: Mapping[str, Any], lacks: Lacks) -> dict[str, str]:
    return {problem.pointer: problem.message for problem in problems_of(study_request(space=space), lacks)}


def above(most: int) -> Lacks:
    """As where a weight takes 16 bytes, a rank a hundredth of that, and an example one byte."""

    def lacks(values: Mapping[str, Any]) -> str | None:
        full = values.get("method") == "full"
        needed = 16 if full else 4 + values.get("lora_rank", 8) // 100
        needed += values.get("batch_size", 8)
        return f"It needs {needed}." if needed > most else None

    return lacks


SPACE = {"method": {"choices": ["lora", "full"]}, "batch_size": {"choices": [16, 4, 8]}}


@pytest.mark.parametrize(
    ("space", "most", "problems"),
    [
        (SPACE, 32, {}),
        (SPACE, 31, {"/space/batch_size": "method full, batch_size 16 do not fit together: It needs 32."}),
        (SPACE, 19, {
            "/space/method": "full does not fit, whatever the others: It needs 20.",
            "/space/batch_size": "16 does not fit, whatever the others: It needs 20.",
        }),
        (SPACE, 7, {"/job/base_model": "does not fit, whatever the values: It needs 8."}),
        ({"epochs": {"low": 1, "high": 9}}, 11, {"/job/base_model": "does not fit: It needs 12."}),
        ({"lora_rank": {"low": 8, "high": 512}}, 16, {
            "/space/lora_rank": "512 does not fit: It needs 17.",
        }),
        ({"base_model": {"choices": ["a", "b"]}}, 11, {"/space/base_model": "does not fit: It needs 12."}),
    ],
)  # fmt: skip
def test_the_values_that_do_not_fit_are_named(space: Mapping[str, Any], most: int, problems: dict[str, str]) -> None:
    assert told(space, above(most)) == problems


@given(methods=st.permutations(["lora", "full"]), sizes=st.permutations([2, 4, 8, 16]), most=st.integers(0, 40))
def test_the_order_of_choices_changes_nothing(methods: list[str], sizes: list[int], most: int) -> None:
    space = {"method": {"choices": methods}, "batch_size": {"choices": sizes}}
    found = told(space, above(most))
    assert found.keys() == told(SPACE | {"batch_size": {"choices": [2, 4, 8, 16]}}, above(most)).keys()
    assert bool(found) == (most < 16 + 16)
