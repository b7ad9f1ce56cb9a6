"""How many processes train: one, or one for each GPU of this machine, which then share the model."""

from __future__ import annotations

from typing import Final

from ..config import BUILTIN_TINY, Config
from ..errors import TrainingFailed
from ..output import say

#: The share of a GPU's memory that weights, gradients and AdamW's moments may take; the rest is for activations.
SHARE: Final = 0.7
#: Bytes that training keeps for each weight: fp32 weight, gradient and two moments, or a frozen one.
_FULL, _FROZEN_FP32, _FROZEN_BF16 = 16, 4, 2


def processes(config: Config) -> int:
    """How many to start. Looks for GPUs, and loads the base model's description where that decides.

    Raises `TrainingFailed` where the model must be divided and there is nothing to divide it among.
    """
    import torch

    gpus = torch.cuda.device_count()
    if config.sharding == "auto" and gpus > 1 and config.base_model != BUILTIN_TINY:
        smallest = min(torch.cuda.get_device_properties(number).total_memory for number in range(gpus))
        needed = state_bytes(config, _parameters(config))
        count = chosen("auto", gpus, needed, smallest)
        told = f"{needed / 1e9:,.0f} GB for weights and optimizer, {smallest / 1e9:,.0f} GB on each of {gpus} GPUs"
        say(f"{told}: {'the model is divided among them' if count > 1 else 'it trains on one'}.")
        return count
    return chosen(config.sharding, gpus, 0, 0)


def chosen(sharding: str, gpus: int, needed: int, memory: int) -> int:
    """How many processes for a model that needs so many bytes on GPUs of so much memory each.

    Raises `TrainingFailed` where sharding was asked for on a machine without a second GPU.
    """
    if sharding == "always" and gpus < 2:
        raise TrainingFailed(
            "gpus_missing",
            f"sharding is always, so the model is to be divided among GPUs, and this machine has {gpus}: use a machine "
            "with several, or set sharding to auto.",
        )
    if sharding == "never" or gpus < 2 or (sharding == "auto" and needed <= SHARE * memory):
        return 1
    return gpus


def state_bytes(config: Config, parameters: int) -> int:
    """What training so many weights keeps in memory beside activations."""
    if config.method == "full":
        return _FULL * parameters
    return (_FROZEN_FP32 if config.precision == "fp32" else _FROZEN_BF16) * parameters


def _parameters(config: Config) -> int:
    """The weights of the base model, counted without loading one; 0 where it cannot be described, as loading tells."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        described = AutoConfig.from_pretrained(
            config.base_model, revision=config.base_model_revision, trust_remote_code=False
        )
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
                described, trust_remote_code=False
            )
    except Exception:  # noqa: BLE001 - whatever is wrong with it, loading it says so in words
        return 0
    return sum(weight.numel() for weight in model.parameters())
