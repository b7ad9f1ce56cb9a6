"""The value behind every "auto" of a training configuration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, Literal

from training_pipeline.domain.errors import FieldProblem
from training_pipeline.domain.training_config import TrainingConfig

#: Epochs for a model that already knows language: three, more for few examples, fewer for many.
#: Source: the constants of OpenAI's cookbook on fine-tuning.
TARGET_EPOCHS: Final = 3
MIN_TARGET_EXAMPLES: Final = 100
MAX_TARGET_EXAMPLES: Final = 25_000
MAX_DEFAULT_EPOCHS: Final = 25

#: A model that starts from random weights needs a number of optimizer steps, whatever the number of examples: on the
#: bundled sample it answers every validation question after about 120 of them.
TINY_STEPS: Final = 400
TINY_MOST_EPOCHS: Final = 50
TINY_EPOCHS_UNKNOWN: Final = 10

BATCH_SIZE: Final = 8
#: At 200 steps, four seeds of four learn a sheet of short answers with it; with twice as much, one of four does.
TINY_LEARNING_RATE: Final = 2e-3
LORA_LEARNING_RATE: Final = 2e-4
FULL_LEARNING_RATE: Final = 1e-5
TINY_MAX_LENGTH: Final = 384
MAX_LENGTH: Final = 1024


def default_epochs(train_pairs: int | None) -> int:
    """Epochs for a pretrained model and `train_pairs` examples; `TARGET_EPOCHS` where their number is not known."""
    if not train_pairs:
        return TARGET_EPOCHS
    if train_pairs * TARGET_EPOCHS < MIN_TARGET_EXAMPLES:
        return min(MAX_DEFAULT_EPOCHS, MIN_TARGET_EXAMPLES // train_pairs)
    if train_pairs * TARGET_EPOCHS > MAX_TARGET_EXAMPLES:
        return max(1, MAX_TARGET_EXAMPLES // train_pairs)
    return TARGET_EPOCHS


def tiny_epochs(train_pairs: int | None, batch_size: int) -> int:
    """Epochs for the built-in model, so that about `TINY_STEPS` optimizer steps are made."""
    if not train_pairs:
        return TINY_EPOCHS_UNKNOWN
    steps_an_epoch = math.ceil(train_pairs / batch_size)
    return max(1, min(TINY_MOST_EPOCHS, round(TINY_STEPS / steps_an_epoch)))


def default_batch_size(accumulation_steps: int) -> int:
    """The least multiple of the accumulation steps that is not below `BATCH_SIZE`."""
    return math.ceil(BATCH_SIZE / accumulation_steps) * accumulation_steps


def resolve(
    config: TrainingConfig,
    *,
    from_scratch: bool,
    train_pairs: int | None,
    precision: Literal["bf16", "fp32"],
    context_length: int | None = None,
    accelerators: Mapping[str, Any] | None = None,
) -> tuple[TrainingConfig, list[FieldProblem]]:
    """`config` without any "auto", and everything that is wrong with it.

    `precision` is what "auto" means for a pretrained model on this machine; `context_length` is the most tokens the
    model takes, where known; `accelerators` is what "auto" means for accelerator and accelerator_count, null where
    there is nothing to choose.
    """
    problems = []
    steps = config.gradient_accumulation_steps
    method = config.method if config.method != "auto" else "full" if from_scratch else "lora"
    batch_size = config.batch_size if config.batch_size != "auto" else default_batch_size(steps)
    if batch_size % steps:
        message = f"must divide batch_size, but {batch_size} is not a multiple of {steps}; set one of them otherwise"
        problems.append(FieldProblem("/training_config/gradient_accumulation_steps", "not_a_divisor", message))
    if config.max_length != "auto" and context_length is not None and config.max_length > context_length:
        message = f"is {config.max_length}, but the base model takes at most {context_length} tokens"
        problems.append(FieldProblem("/training_config/max_length", "too_long", message))
    for name in () if accelerators else ("accelerator", "accelerator_count"):
        if (value := getattr(config, name)) not in {"auto", None}:
            message = f"is {value}, but training on this machine takes what is here; leave it out"
            problems.append(FieldProblem(f"/training_config/{name}", "not_applicable", message))
    most = context_length or MAX_LENGTH
    learning_rate = (
        TINY_LEARNING_RATE if from_scratch else {"lora": LORA_LEARNING_RATE, "full": FULL_LEARNING_RATE}[method]
    )
    epochs = tiny_epochs(train_pairs, batch_size) if from_scratch else default_epochs(train_pairs)
    behind_auto: dict[str, Any] = {
        "epochs": epochs,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "method": method,
        "max_length": TINY_MAX_LENGTH if from_scratch else min(MAX_LENGTH, most),
        # So small a model computes faster in fp32: 5,200 against 3,000 tokens a second on one core.
        "precision": "fp32" if from_scratch else precision,
        **(accelerators or {"accelerator": None, "accelerator_count": None}),
    }
    asked = config.model_dump()
    return TrainingConfig(
        **(asked | {key: value for key, value in behind_auto.items() if asked[key] == "auto"})
    ), problems
