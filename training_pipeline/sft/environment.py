"""What a process that trains, or asks models, sets before it imports its libraries."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from .model.base_model import is_local
from .output import hush_libraries


@contextmanager
def importing() -> Iterator[None]:
    """Imports inside are not searched for garbage, which would take a quarter of their time, and never are again."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


def set_environment(base_models: Iterable[str]) -> None:
    """Keep the libraries quiet, single-minded and at home. Only this process is changed."""
    hush_libraries()
    os.environ |= {"HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false", "TRL_EXPERIMENTAL_SILENCE": "1"}
    if all(map(is_local, base_models)):
        os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    # Threads that wait by spinning take the cores from each other as soon as anything else runs: on a busy machine of
    # two cores a small model then trains ten times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def use_one_gpu() -> None:
    """One process works on one GPU; a model on more would be wrapped in DataParallel, which TRL refuses."""
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")
