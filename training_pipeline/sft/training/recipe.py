"""What a training was made with besides its data and its base model: with it, it can be repeated."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import torch

from ..config import BUILTIN_TINY, Config
from ..encoding.digests import chat_template_sha256, tokenizer_sha256

_LIBRARIES: Final = (
    "torch",
    "transformers",
    "tokenizers",
    "trl",
    "peft",
    "accelerate",
    "datasets",
    "safetensors",
    "numpy",
)
#: Places, on how many GPUs, and what the record says of files and base model in fields of their own.
_NO_CONFIGURATION: Final = frozenset(
    {
        "run_dir",
        "train_file",
        "validation_file",
        "manifest_file",
        "train_sha256",
        "validation_sha256",
        "base_model_files",
        "base_model_revision",
        "mlflow",
        "sharding",
    }
)


def recipe(
    config: Config,
    tokenizer: Any,
    *,
    chat_template: str,
    chat_template_source: str,
    precision: str,
    first_day: str,
    libraries: Mapping[str, str],
) -> dict[str, Any]:
    """The recipe as JSON values. `precision` and the device are those in use, `first_day` the date of date templates.

    Reads which device there is.
    """
    left_out = _NO_CONFIGURATION if config.base_model == BUILTIN_TINY else _NO_CONFIGURATION | {"tiny"}
    settings = {key: value for key, value in config.as_json().items() if key not in left_out}
    return {
        "chat_template_sha256": chat_template_sha256(chat_template),
        "chat_template_source": chat_template_source,
        "tokenizer_sha256": tokenizer_sha256(tokenizer),
        "libraries": dict(libraries),
        "device": _device(),
        "first_day": first_day,
        "configuration": {**settings, "precision": precision},
    }


def libraries(before: Mapping[str, str]) -> dict[str, str]:
    """The versions of Python and of what trains, behind those that `before`, an earlier start of the run, had."""
    here = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            here[name] = version(name)
        except PackageNotFoundError:
            continue
    return {name: _then(before.get(name), found) for name, found in here.items()}


def _then(before: str | None, now: str) -> str:
    return now if before is None or before == now else before if before.endswith(f" {now}") else f"{before}, then {now}"


def _device() -> str:
    if torch.cuda.is_available():
        count = torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1
        return (f"{count} x " if count > 1 else "") + torch.cuda.get_device_name()
    return "mps" if torch.backends.mps.is_available() else "cpu"
