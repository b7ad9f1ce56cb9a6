from __future__ import annotations

import pytest

from training_pipeline.domain.advice.facts import ModelFacts
from training_pipeline.domain.advice.memory import needed_bytes, weight_bytes
from training_pipeline.testing.jobs.advice_facts import LLAMA_8B, facts, lengths


@pytest.mark.parametrize(("lora", "lean", "each"), [(True, True, 2.4), (True, False, 4.8), (False, True, 16)])
def test_weights_with_what_belongs_to_them(lora: bool, lean: bool, each: float) -> None:
    assert weight_bytes(1000, lora=lora, lean=lean) == each * 1000


def test_more_is_needed_for_longer_examples_and_larger_steps() -> None:
    lean = LLAMA_8B.model_copy(update={"lean": True})
    usual = needed_bytes(facts(model=lean))
    assert usual is not None
    weights = weight_bytes(LLAMA_8B.parameters or 0, lora=True, lean=True)
    assert weights < usual < weights + 16 * 10**9
    for less in ({"max_length": 512}, {"gradient_accumulation_steps": 4}, {"lengths": lengths(10, 300)}):
        found = needed_bytes(facts(model=lean, **less))
        assert found is not None
        assert weights < found < usual
    told = facts(model=lean, lengths=lengths(10, 300), lengths_estimated=True)
    assert needed_bytes(told) == needed_bytes(facts(model=lean, max_length=600))
    full = needed_bytes(facts(model=lean, method="full"))
    assert full is not None
    assert full > 4 * usual


def test_adapters_are_counted_where_their_rank_makes_them_large() -> None:
    """Each rank of Llama 8B has 20 x 4,096 x 32 weights in adapters on all linear layers; 22 are taken."""
    lean = LLAMA_8B.model_copy(update={"lean": True})
    small, large, full = (
        needed_bytes(facts(model=lean, **values))
        for values in ({"lora_rank": 8}, {"lora_rank": 512}, {"method": "full"})
    )
    assert small == needed_bytes(facts(model=lean, lora_rank=16)), "a fifth of the weights holds them"
    assert small is not None
    assert large is not None
    fifth = (LLAMA_8B.parameters or 0) * 0.4
    assert large - small == pytest.approx(16 * 22 * 4096 * 32 * 512 - fifth)
    assert full == needed_bytes(facts(model=lean, method="full", lora_rank=512))


def test_what_is_not_known_is_not_guessed() -> None:
    assert needed_bytes(facts(model=ModelFacts())) is None
    assert needed_bytes(facts(model=ModelFacts(parameters=10))) == pytest.approx(48)
