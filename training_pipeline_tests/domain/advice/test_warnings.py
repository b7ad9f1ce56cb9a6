from __future__ import annotations

from typing import Any

import pytest

from training_pipeline.domain.advice.facts import AnswerCounts
from training_pipeline.testing.jobs.advice_facts import LLAMA_8B, by_rule, facts

CHAT = {"model": LLAMA_8B.model_copy(update={"chat": False})}
SMALL = {"model": LLAMA_8B.model_copy(update={"memory_bytes": 24 * 10**9})}
LARGE = {"model": LLAMA_8B.model_copy(update={"memory_bytes": 800 * 10**9})}


def answers(every: int, different: int, most: int) -> dict[str, Any]:
    return {"answers": AnswerCounts(answers=every, different=different, most_frequent=most)}


@pytest.mark.parametrize(
    ("rule", "applies", "does_not", "said"),
    [
        ("few_steps", {"train_pairs": 48, "epochs": 3}, {"train_pairs": 56, "epochs": 3}, "18 optimizer steps are few"),
        ("few_pairs", {"train_pairs": 49}, {"train_pairs": 50}, "49 training pairs may be too few"),
        ("validation_small", {"validation_pairs": 20}, {"validation_pairs": 62}, "80% may as well be 58% or 92%"),
        ("answers_skewed", answers(100, 4, 60), answers(100, 4, 40), "60% of the answers are the same one (4"),
        ("answers_skewed", answers(100, 20, 60), answers(100, 30, 60), "compare with that"),
        ("answers_skewed", answers(100, 1, 100), answers(1, 1, 1), "All 100 answers are the same one"),
        ("answers_skewed", answers(2, 1, 2), answers(0, 0, 0), "All 2 answers are the same one"),
        ("base_not_chat", CHAT, {}, "/models/llama has no chat template"),
        ("tokens_unknown", {"unknown_tokens": 1}, {"unknown_tokens": 0}, "1 pair has characters"),
        ("memory", SMALL, LARGE, "there are 24.0 GB"),
    ],
)
def test_a_warning_where_it_applies(rule: str, applies: dict[str, Any], does_not: dict[str, Any], said: str) -> None:
    found = by_rule(facts(**applies))[rule]
    assert found.kind == "warning"
    assert said in found.reason
    assert rule not in by_rule(facts(**does_not))


def test_nothing_is_warned_of_that_is_not_known() -> None:
    known = by_rule(facts(train_pairs=None, validation_pairs=None))
    assert {one.kind for one in known.values()} == {"value"}
