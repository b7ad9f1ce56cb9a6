from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.domain.advice.advise import advise
from training_pipeline.domain.advice.facts import AnswerCounts, Facts, ModelFacts, TokenLengths
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.testing.jobs.advice_facts import LLAMA_8B, by_rule, config, facts, lengths
from training_pipeline.testing.soak import examples

QWEN_8B = ModelFacts(family="qwen", hidden_size=4096)


@pytest.mark.parametrize(
    ("model", "changes", "rule", "rate"),
    [
        (LLAMA_8B, {}, "learning_rate", 2.9e-4),
        (QWEN_8B, {}, "learning_rate", 4.7e-4),
        (LLAMA_8B, {"method": "full"}, "learning_rate", 2.9e-5),
        (LLAMA_8B, {"train_pairs": 80}, "learning_rate", 4.3e-4),  # 30 steps
        (ModelFacts(family="qwen"), {}, "learning_rate_not_calibrated", 2e-4),
        (ModelFacts(family="llama", hidden_size=128), {}, "learning_rate_not_calibrated", 2e-4),
        (ModelFacts(hidden_size=4096), {"method": "full"}, "learning_rate_not_calibrated", 2e-5),
    ],
)
def test_the_learning_rate(model: ModelFacts, changes: dict[str, Any], rule: str, rate: float) -> None:
    found = by_rule(facts(model=model, **changes))[rule]
    assert found.value == pytest.approx(rate)
    assert ("Not calibrated" in found.reason) == (rule == "learning_rate_not_calibrated")


@pytest.mark.parametrize(("rate", "taken"), [(1e-4, False), (2e-4, True), (5.8e-4, True), (1e-3, False)])
def test_a_rate_within_twice_the_advice_is_taken(rate: float, taken: bool) -> None:
    assert by_rule(facts(learning_rate=rate))["learning_rate"].taken is taken


def test_the_built_in_model_has_rules_of_its_own() -> None:
    tiny = ModelFacts(from_scratch=True, hidden_size=128, layers=2, vocabulary=1024, parameters=500_000)
    found = by_rule(facts(model=tiny, method="full", learning_rate=2e-4))
    assert set(found) == {"learning_rate_built_in", "epochs_built_in"}
    assert found["learning_rate_built_in"].value == 2e-4


def test_rank_and_targets_are_of_lora_only() -> None:
    lora = {"lora_rank", "lora_alpha", "lora_targets"}
    assert set(by_rule(facts())) >= lora
    assert not set(by_rule(facts(method="full"))) & lora
    many = by_rule(facts(train_pairs=50_000))["lora_rank_many_pairs"]
    assert (many.value, many.source, many.confidence) == (32, "own rule of thumb", "low")
    assert not by_rule(facts(lora_rank=4))["lora_rank"].taken
    assert by_rule(facts(lora_rank=32, lora_alpha=32))["lora_alpha"].taken


def test_a_smaller_batch_where_there_would_be_few_steps() -> None:
    found = by_rule(facts(train_pairs=100, validation_pairs=200))["batch_size"]
    assert (found.value, found.taken) == (2, False)
    assert "150 steps" in found.reason
    assert by_rule(facts(train_pairs=20_000, batch_size=64))["batch_size"].taken
    accumulating = by_rule(facts(train_pairs=100, gradient_accumulation_steps=4))["batch_size"]
    assert accumulating.value == 4


def test_the_batch_depends_on_how_long_the_examples_are() -> None:
    """Those of 10 tokens make steps of a handful of words, those of 16,000 very large ones."""
    known = {"train_pairs": 8000, "max_length": 32_768}
    found = [by_rule(facts(lengths=lengths(tokens), **known)) for tokens in (10, 100, 4000, 16_000)]
    assert [one.get("batch_tokens", one.get("batch_size")).value for one in found] == [64, 8, 8, 4]  # type: ignore[union-attr]
    assert "of about 640 tokens" in found[0]["batch_tokens"].reason
    few = by_rule(facts(lengths=lengths(10), train_pairs=400))["batch_size"]
    assert few.value == 8, "more steps are worth more"
    accumulating = by_rule(facts(lengths=lengths(16_000), gradient_accumulation_steps=8, **known))
    assert accumulating["batch_size"].value == 8


def test_max_length_is_from_the_longest_pairs_but_one_in_a_hundred() -> None:
    counted = lengths(*[100] * 495, *[700] * 4, 5000)
    found = by_rule(facts(lengths=counted, max_length=64))["max_length"]
    assert (found.value, found.taken) == (128, False)
    assert "With 128, 5 pairs are cut; with 64, 500 pairs are." in found.reason
    assert by_rule(facts(lengths=counted, max_length=256))["max_length"].taken
    small = LLAMA_8B.model_copy(update={"context_length": 100})
    assert by_rule(facts(lengths=counted, model=small))["max_length"].value == 100
    assert "max_length" not in by_rule(facts())


FACTS = st.builds(
    Facts,
    base_model=st.just("m"),
    model=st.builds(
        ModelFacts,
        from_scratch=st.booleans(),
        family=st.sampled_from([None, "llama", "qwen"]),
        hidden_size=st.none() | st.integers(16, 20_000),
        layers=st.none() | st.integers(1, 200),
        vocabulary=st.none() | st.integers(300, 300_000),
        parameters=st.none() | st.integers(1000, 10**12),
        context_length=st.none() | st.integers(64, 10**6),
        chat=st.none() | st.booleans(),
        lean=st.booleans(),
        memory_bytes=st.none() | st.integers(10**9, 10**13),
    ),
    config=st.builds(
        config,
        epochs=st.integers(1, 50),
        learning_rate=st.floats(1e-7, 1e-1),
        batch_size=st.integers(1, 1024),
        method=st.sampled_from(["lora", "full"]),
        lora_rank=st.integers(1, 512),
        lora_alpha=st.integers(1, 1024),
        max_length=st.integers(16, 131_072),
        warmup_ratio=st.floats(0, 0.5),
    ),
    auto=st.builds(config, epochs=st.integers(1, 50), batch_size=st.sampled_from([8, 9, 12, 256])),
    train_pairs=st.none() | st.integers(0, 10**7),
    validation_pairs=st.none() | st.integers(0, 10**6),
    lengths=st.none() | st.builds(TokenLengths.of, st.lists(st.integers(1, 200_000), max_size=50)),
    lengths_estimated=st.booleans(),
    unknown_tokens=st.none() | st.integers(0, 10),
    answers=st.none()
    | st.builds(
        AnswerCounts, answers=st.integers(0, 99), different=st.integers(0, 9), most_frequent=st.integers(0, 99)
    ),
)


@settings(max_examples=examples(40))
@given(found=FACTS)
def test_whatever_is_advised_may_be_asked_for_and_counts_as_taken_then(found: Facts) -> None:
    for one in advise(found).advice:
        assert one.reason.endswith(".")
        assert one.source
        if one.field is None:
            continue
        changed = found.config.model_dump() | {one.field: one.value}
        again = found.model_copy(update={"config": TrainingConfig.model_validate(changed)})
        same = {each.rule: each for each in advise(again).advice}.get(one.rule)
        if same is not None and same.value == one.value:
            assert same.taken, one


@given(found=FACTS)
def test_what_is_advised_depends_on_what_is_known_alone(found: Facts) -> None:
    assert advise(found) == advise(Facts.model_validate_json(found.model_dump_json()))
