"""What may be asked of a model, and what is said of a gate that asks for something else."""

from __future__ import annotations

from typing import Any

import pytest

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.models.promotion.requirements import parse_gate


@pytest.mark.parametrize(
    ("asked", "pointers"),
    [
        ({}, ["/margins"]),
        ({"margins": {}}, ["/margins"]),
        ({"margins": {"taste": 0.1, "answer_tokens": 0.1}}, ["/margins/taste/[key]", "/margins/answer_tokens/[key]"]),
        (
            {"margins": {"exact_match": -0.1}, "min_pairs": 1, "level": 1},
            ["/margins/exact_match", "/min_pairs", "/level"],
        ),
        ({"margins": {"exact_match": float("nan")}, "forgiving": True}, ["/margins/exact_match", "/forgiving"]),
    ],
)
def test_a_gate_that_is_none_is_refused_with_all_its_faults(asked: dict[str, Any], pointers: list[str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_gate(asked)
    assert [problem.pointer for problem in refused.value.problems] == pointers
