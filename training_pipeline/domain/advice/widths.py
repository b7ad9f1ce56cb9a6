"""The hidden sizes of well-known models of the Hub, for models that are not on this machine yet.

Each row was read in a public program that names the model; docs/advice.md says which, row by row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: By the model's id at the Hub.
WIDTHS: Final[Mapping[str, int]] = {
    "Qwen/Qwen2.5-0.5B": 896,
    "Qwen/Qwen2.5-0.5B-Instruct": 896,
    "Qwen/Qwen2.5-1.5B": 1536,
    "Qwen/Qwen2.5-1.5B-Instruct": 1536,
    "Qwen/Qwen2.5-3B": 2048,
    "Qwen/Qwen2.5-3B-Instruct": 2048,
    "Qwen/Qwen2.5-7B": 3584,
    "Qwen/Qwen2.5-7B-Instruct": 3584,
    "Qwen/Qwen2.5-14B": 5120,
    "Qwen/Qwen2.5-14B-Instruct": 5120,
    "Qwen/Qwen2.5-32B": 5120,
    "Qwen/Qwen2.5-32B-Instruct": 5120,
    "Qwen/Qwen2.5-72B": 8192,
    "Qwen/Qwen2.5-72B-Instruct": 8192,
    "Qwen/Qwen3-0.6B": 1024,
    "Qwen/Qwen3-0.6B-Base": 1024,
    "Qwen/Qwen3-1.7B": 2048,
    "Qwen/Qwen3-1.7B-Base": 2048,
    "Qwen/Qwen3-4B": 2560,
    "Qwen/Qwen3-4B-Base": 2560,
    "Qwen/Qwen3-8B": 4096,
    "Qwen/Qwen3-8B-Base": 4096,
    "Qwen/Qwen3-14B": 5120,
    "Qwen/Qwen3-32B": 5120,
    "meta-llama/Llama-3.1-8B": 4096,
    "meta-llama/Llama-3.1-8B-Instruct": 4096,
    "meta-llama/Llama-3.1-70B": 8192,
    "meta-llama/Llama-3.1-70B-Instruct": 8192,
    "meta-llama/Llama-3.2-1B": 2048,
    "meta-llama/Llama-3.2-1B-Instruct": 2048,
    "meta-llama/Llama-3.2-3B": 3072,
    "meta-llama/Llama-3.2-3B-Instruct": 3072,
}
_BY_NAME: Final = {name.lower(): width for name, width in WIDTHS.items()}


def width_of(model_id: str) -> int | None:
    """The hidden size of a model of the Hub; None for one that is not in the table. The Hub ignores case. Pure."""
    return _BY_NAME.get(model_id.lower())
