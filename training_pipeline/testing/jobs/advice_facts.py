"""What is known of a job, for tests of the rules of advice."""

from __future__ import annotations

from typing import Any

from training_pipeline.domain.advice.advise import advise
from training_pipeline.domain.advice.facts import Facts, ModelFacts, TokenLengths
from training_pipeline.domain.advice.item import Advice
from training_pipeline.domain.training_config import TrainingConfig

LLAMA_8B = ModelFacts(family="llama", hidden_size=4096, layers=32, vocabulary=128_256, parameters=8_030_261_248)


def config(**values: Any) -> TrainingConfig:
    """A configuration without any "auto"."""
    resolved = {"epochs": 3, "learning_rate": 2e-4, "batch_size": 8, "method": "lora", "max_length": 1024}
    return TrainingConfig(**{**resolved, "precision": "bf16", "accelerator": None, "accelerator_count": None, **values})


def facts(**values: Any) -> Facts:
    """Those of a job on 1,000 pairs with Llama 8B; keys of the configuration may be given too."""
    configured = {name: values.pop(name) for name in list(values) if name in TrainingConfig.model_fields}
    found = config(**configured)
    known = {"base_model": "/models/llama", "model": LLAMA_8B, "train_pairs": 800, "validation_pairs": 200}
    auto = found.model_copy(update={"epochs": 3, "batch_size": 8, "learning_rate": 2e-4})
    return Facts(**{"config": found, "auto": auto, **known, **values})


def lengths(*tokens: int) -> TokenLengths:
    """Examples of these lengths."""
    return TokenLengths.of(tokens)


def by_rule(found: Facts) -> dict[str, Advice]:
    """The advice by its rule."""
    return {one.rule: one for one in advise(found).advice}
