"""The rules of advice as data: every number, where it comes from, and how far it can be trusted.

`VERSION` is stored with every job. A change of a number, a source or a confidence is a new version: a test compares
`fingerprint` with the one that belongs to `VERSION`. docs/advice.md lists the same rules; a test compares them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final

VERSION: Final = "2026-11-29"


class Confidence(StrEnum):
    """How far a rule can be trusted: measured for this case, published for cases like it, or a rule of thumb."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a number comes from. `url` is empty where it is ours."""

    title: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its numbers by name, the key of its source, its confidence."""

    source: str
    confidence: Confidence
    numbers: Mapping[str, float]


SOURCES: Final[Mapping[str, Source]] = {
    "tinker": Source(
        "Tinker cookbook, learning rate by hidden size",
        "https://tinker-docs.thinkingmachines.ai/supervised-learning/sl-hyperparams",
    ),
    "regret": Source("LoRA Without Regret (2025), read in summaries", "https://thinkingmachines.ai/blog/lora/"),
    "unsloth": Source(
        "Unsloth, LoRA hyperparameters guide",
        "https://unsloth.ai/docs/get-started/fine-tuning-llms-guide/lora-hyperparameters-guide",
    ),
    "openai": Source(
        "OpenAI, supervised fine-tuning: the right number of examples",
        "https://developers.openai.com/docs/guides/distillation",
    ),
    "cookbook": Source("OpenAI cookbook, constants of its notebook on fine-tuning data, read in copies of it"),
    "transformers": Source(
        "Transformers, GPU memory usage", "https://huggingface.co/docs/transformers/v5.14.0/model_memory_anatomy"
    ),
    "wilson": Source("Wilson's score interval of a proportion (1927), at 95 %"),
    "tokenizer": Source("the base model's own tokenizer, on every pair"),
    "measured": Source("measured with the bundled sample"),
    "own": Source("own rule of thumb"),
}

_HIGH, _MEDIUM, _LOW = Confidence

RULES: Final[Mapping[str, Rule]] = {
    # 5e-4 is 5e-5, the base of full fine-tuning, times ten. The exponent is that of the family. It is not used for
    # widths that no model of these families has.
    "learning_rate": Rule(
        "tinker",
        _MEDIUM,
        {"lora": 5e-4, "width": 2000, "llama": 0.781, "qwen": 0.0775, "least_width": 1024, "most_width": 16384},
    ),
    "learning_rate_full": Rule("regret", _MEDIUM, {"lora_over_full": 10}),
    "learning_rate_short": Rule("regret", _LOW, {"steps": 100, "times": 1.5}),
    "learning_rate_not_calibrated": Rule("unsloth", _LOW, {"lora": 2e-4}),
    "learning_rate_built_in": Rule("measured", _HIGH, {}),
    #: A learning rate within this factor of the advice counts as taken.
    "learning_rate_range": Rule("own", _LOW, {"factor": 2}),
    "lora_rank": Rule("unsloth", _MEDIUM, {"least": 16, "most": 32}),
    "lora_rank_many_pairs": Rule("own", _LOW, {"pairs": 10_000}),
    "lora_alpha": Rule("unsloth", _MEDIUM, {"least": 1, "most": 2}),
    "lora_targets": Rule("regret", _MEDIUM, {}),
    "epochs": Rule("cookbook", _MEDIUM, {"target": 3, "least_examples": 100, "most_examples": 25_000}),
    "epochs_built_in": Rule("measured", _MEDIUM, {}),
    "batch_size": Rule("tinker", _LOW, {"steps": 100, "least": 2}),
    #: Tokens of a step: of fewer the gradient is that of a handful of words, and of more a step is a large one.
    "batch_tokens": Rule("own", _LOW, {"least": 512, "most": 65_536}),
    "lora_large_batch": Rule("own", _LOW, {"batch": 128}),
    "warmup_ratio": Rule("unsloth", _LOW, {"least": 0.05, "most": 0.1, "few_steps": 100}),
    "max_length": Rule("tokenizer", _HIGH, {"quantile": 0.99, "multiple": 64, "least": 64}),
    "max_length_estimated": Rule("own", _LOW, {}),
    "memory": Rule(
        "transformers",
        _LOW,
        # Bytes a weight: of frozen ones in bf16 with a fifth more for adapters, the same in fp32, and fp32 weights,
        # gradients and AdamW's two moments. Adapters have so many hidden sizes of weights for each layer and rank.
        # Bytes an activation: 34 for each of hidden size, token and layer in 16 bit, 2 where only the layers' inputs
        # are kept; logits with their gradient in fp32.
        {
            **{"lora_bf16": 2.4, "lora_fp32": 4.8, "full": 16, "adapters": 0.2, "widths": 22},
            **{"layer": 34, "kept": 2, "logits": 8, "spare": 0.9},
        },
    ),
    "few_steps": Rule("own", _MEDIUM, {"steps": 20}),
    "few_pairs": Rule("openai", _MEDIUM, {"pairs": 50}),
    "validation_small": Rule("wilson", _HIGH, {"accuracy": 0.8, "half_width": 0.1}),
    "answers_skewed": Rule("own", _LOW, {"share": 0.5, "kinds": 0.2}),
    "base_not_chat": Rule("own", _MEDIUM, {}),
    "tokens_unknown": Rule("tokenizer", _HIGH, {}),
    "diverged": Rule("own", _MEDIUM, {"lower": 3}),
    "never_better": Rule("own", _MEDIUM, {"over_before": 1.02, "lower": 3}),
    "validation_rose": Rule("own", _MEDIUM, {"over_best": 1.02, "patience": 2, "evaluations": 4}),
    "still_falling": Rule("own", _LOW, {"below_last": 0.98, "times": 1.5}),
    "gap": Rule("own", _LOW, {"over_training": 1.5, "at_least": 0.1, "dropout": 0.05, "weight_decay": 0.01}),
    "right_tokens_wrong_answers": Rule("own", _HIGH, {"accuracy": 0.999}),
}


def number(rule: str, name: str) -> float:
    """A number of a rule."""
    return RULES[rule].numbers[name]


def fingerprint() -> str:
    """The first 16 hexadecimal digits of the SHA-256 over all rules and sources."""
    told = {"rules": {name: asdict(rule) for name, rule in RULES.items()}}
    told["sources"] = {name: asdict(source) for name, source in SOURCES.items()}
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=dict).encode()).hexdigest()[:16]
