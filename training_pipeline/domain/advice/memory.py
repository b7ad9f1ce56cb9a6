"""The memory that a training needs, roughly: weights and what belongs to each, activations, logits."""

from __future__ import annotations

from typing import Final

from training_pipeline.domain.advice.facts import Facts, ModelFacts, whole
from training_pipeline.domain.advice.rules import number

#: So many times as long may examples be as their characters tell.
_TOO_SHORT: Final = 2


def weight_bytes(parameters: int, *, lora: bool, lean: bool) -> float:
    """Weights with gradients and optimizer states. `lean` keeps frozen weights in bf16."""
    each = number("memory", ("lora_bf16" if lean else "lora_fp32") if lora else "full")
    return parameters * each


def needed_bytes(facts: Facts) -> float | None:
    """What the configuration needs at its longest examples; null where the model's size is not known."""
    model, config = facts.model, facts.config
    if model.parameters is None:
        return None
    lora = config.method == "lora"
    tokens = (facts.batch_size // config.gradient_accumulation_steps) * _longest(facts)
    weights = weight_bytes(model.parameters, lora=lora, lean=model.lean)
    if lora:
        weights += _large_adapters(model, config.lora_rank, allowed=weights)
    return weights + _activations(model, tokens, config.precision)


def _large_adapters(model: ModelFacts, rank: int, *, allowed: float) -> float:
    """What adapters of this rank need beyond the part of the weights' bytes that is theirs in any case."""
    if model.hidden_size is None or model.layers is None:
        return 0.0
    weights = number("memory", "widths") * model.hidden_size * model.layers * rank
    share = number("memory", "adapters")
    return max(0.0, weights * number("memory", "full") - allowed * share / (1 + share))


def _longest(facts: Facts) -> int:
    most = whole(facts.config.max_length)
    if facts.lengths is None:
        return most
    return min(most, facts.lengths.quantile(1.0) * (_TOO_SHORT if facts.lengths_estimated else 1))


def _activations(model: ModelFacts, tokens: int, precision: str) -> float:
    if model.hidden_size is None or model.layers is None:
        return 0.0
    layer = tokens * model.hidden_size * (2 if precision == "fp32" else 1)
    kept = number("memory", "kept") * model.layers + number("memory", "layer")
    of_layers = layer * (kept if model.lean else number("memory", "layer") * model.layers)
    return of_layers + tokens * (model.vocabulary or 0) * number("memory", "logits")
