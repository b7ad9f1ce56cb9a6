"""What may be asked of a model, and what is said of a gate that asks for something else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.models.promotion.requirements import Gate, looser, parse_gate


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
        (
            {
                "thresholds": {"exact_match": 70, "rouge_l": -0.1, "json_f1": 1, "bits_per_byte": 0, "token_loss": 13},
                "margins": {"exact_match": 1e9, "rouge_l": 1, "bits_per_byte": 8},
                "forgetting": {"general": {"exact_match": 2}},
                "min_pairs": 2,
                "level": 0.5,
            },
            [
                *(
                    f"/thresholds/{name}"
                    for name in ("exact_match", "rouge_l", "json_f1", "bits_per_byte", "token_loss")
                ),
                *(f"/margins/{name}" for name in ("exact_match", "rouge_l", "bits_per_byte")),
                "/forgetting/general/exact_match",
                "/min_pairs",
                "/level",
            ],
        ),
        (
            {"thresholds": {"exact_match": 70}, "margins": {"taste": 0.1}},
            ["/margins/taste/[key]", "/thresholds/exact_match"],
        ),
    ],
)
def test_a_gate_that_is_none_is_refused_with_all_its_faults(asked: dict[str, Any], pointers: list[str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_gate(asked)
    assert [problem.pointer for problem in refused.value.problems] == pointers


def test_a_percentage_is_told_what_it_would_be() -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_gate({"thresholds": {"exact_match": 70}, "margins": {"exact_match": 0.02}})
    (problem,) = refused.value.problems
    assert problem.message == (
        "is 70; must be within 0 and 1, and not the best that exact_match can be: it is a share, of which 70 % is 0.7"
    )


METRICS, NUMBERS = st.sampled_from(["exact_match", "token_loss"]), st.sampled_from([0.1, 0.2, 0.3])
SOME = st.dictionaries(METRICS, NUMBERS, min_size=1)
GATES = st.builds(
    Gate,
    thresholds=st.dictionaries(METRICS, NUMBERS),
    margins=SOME,
    forgetting=st.dictionaries(st.just("general"), SOME),
    min_pairs=st.sampled_from([30, 40]),
    level=st.sampled_from([0.9, 0.95]),
)


@given(GATES, GATES)
def test_of_two_gates_one_is_looser_unless_they_ask_the_same(one: Gate, other: Gate) -> None:
    assert looser(one, one) == []
    assert (one == other) == (looser(one, other) == looser(other, one) == [])


def test_what_is_asked_less_for_is_said() -> None:
    strict = Gate(
        thresholds={"exact_match": 0.7, "token_loss": 1, "rouge_l": 0.5},
        margins={"exact_match": 0.02, "rouge_l": 0.1},
        forgetting={"general": {"bits_per_byte": 0.05}},
    )
    lax = Gate(thresholds={"exact_match": 0.6, "token_loss": 2}, margins={"exact_match": 0.05}, min_pairs=20, level=0.9)
    assert looser(lax, strict) == [
        "threshold exact_match=0.6 instead of 0.7",
        "threshold token_loss=2 instead of 1",
        "threshold rouge_l=none instead of 0.5",
        "margin exact_match=0.05 instead of 0.02",
        "margin rouge_l=none instead of 0.1",
        "forgetting general:bits_per_byte=none instead of 0.05",
        "20 pairs instead of 30",
        "intervals of 90 % instead of 95 %",
    ]
    assert looser(Gate(thresholds={**strict.thresholds, "exact_match": 0.8}, margins=strict.margins), strict) == [
        "forgetting general:bits_per_byte=none instead of 0.05"
    ]
