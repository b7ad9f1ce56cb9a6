"""What a killed run continues from, and the best weights so far.

A checkpoint counts only once its marker is there; the marker is written last, and names nothing but our own.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..integrity import folder_sha256
from ..run_dir import CHECKPOINT_MARKER, read_json, write_json


@dataclass(frozen=True, slots=True)
class Ledger:
    """What training must remember beside the Trainer's own state.

    `finished`: no step is left to do. `evaluation_due`: training was stopped where its last step was to be evaluated.
    """

    step: int = 0
    best_val_loss: float | None = None
    evaluations_without_gain: int = 0
    finished: bool = False
    stopped_early: bool = False
    evaluation_due: bool = False


def mark(checkpoint: Path, ledger: Ledger) -> None:
    """Declare `checkpoint` complete, keep the one before it, and delete all others.

    Its files are on disk before the marker is, which holds their SHA-256.
    """
    files = folder_sha256(checkpoint)
    for name in files:
        _flush(checkpoint / name)
    write_json(checkpoint / CHECKPOINT_MARKER, {**asdict(ledger), "files": files})
    earlier = [marker.parent for marker in _newest_first(checkpoint.parent) if _step(marker.parent) < _step(checkpoint)]
    for other in checkpoint.parent.glob("checkpoint-*"):
        if other not in {checkpoint, *earlier[:1]}:
            _discard(other)


def latest(checkpoints: Path, usable: Callable[[Ledger], bool] = lambda _: True) -> tuple[Path, Ledger] | None:
    """The newest checkpoint that is complete, undamaged and `usable`, or None. Reads only."""
    for marker in _newest_first(checkpoints):
        ledger = _ledger(marker)
        if ledger and usable(ledger):
            return marker.parent, ledger
    return None


def complete_after(checkpoints: Path, step: int) -> list[str]:
    """The names of checkpoints of later steps that were complete once, newest first. Reads only."""
    return [marker.parent.name for marker in _newest_first(checkpoints) if _step(marker.parent) > step]


def discard_after(checkpoints: Path, step: int) -> None:
    """Delete the checkpoints of later steps. Idempotent."""
    for checkpoint in checkpoints.glob("checkpoint-*"):
        if _step(checkpoint) > step:
            _discard(checkpoint)


def _newest_first(checkpoints: Path) -> list[Path]:
    markers = checkpoints.glob(f"checkpoint-*/{CHECKPOINT_MARKER}")
    return sorted(markers, key=lambda marker: _step(marker.parent), reverse=True)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def _discard(checkpoint: Path) -> None:
    """Delete it, its marker first: what a crash leaves of it counts no more."""
    (checkpoint / CHECKPOINT_MARKER).unlink(missing_ok=True)
    shutil.rmtree(checkpoint)


def _ledger(marker: Path) -> Ledger | None:
    """What the marker remembers; None if it or a file of its checkpoint is not as it was written."""
    try:
        told = read_json(marker)
        files = told.pop("files", None)
        ledger = Ledger(**told)
        found = folder_sha256(marker.parent)
    except (ValueError, TypeError, AttributeError, OSError):
        return None
    del found[CHECKPOINT_MARKER]
    # Runs that an earlier version of this program began have no digests.
    return ledger if files is None or found == files else None


def save_best(path: Path, model: Any, facts: dict[str, Any], *, writes: bool = True) -> None:
    """Replace the best weights (those that are trained) and, in the same file, the facts and a digest of both. Atomic.

    All processes that share the model have to come here; one of them `writes`.
    """
    from safetensors.torch import save_file

    weights = trained_weights(model)
    if not writes:
        return
    temporary = path.with_name(f".{path.name}.tmp")
    told = json.dumps(facts)
    save_file(weights, temporary, metadata={"facts": told, "sha256": _digest(told, sorted(weights), weights.get)})
    _flush(temporary)  # a checkpoint that is marked later must not outlive it
    temporary.replace(path)


def _flush(path: Path) -> None:
    with path.open("rb") as opened:
        os.fsync(opened.fileno())


def best_facts(path: Path) -> dict[str, Any] | None:
    """The facts stored with the best weights; None where there are none, or the file is damaged. Reads all of it."""
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            told = metadata["facts"]
            facts: dict[str, Any] = json.loads(told)
            # Runs that an earlier version of this program began have no digest.
            if "sha256" in metadata and metadata["sha256"] != _digest(told, sorted(file.keys()), file.get_tensor):
                return None
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return None
    return facts


def _digest(told: str, names: Iterable[str], weight: Callable[[str], Any]) -> str:
    """SHA-256 (hex) over the facts and each weight: its name, format, shape and bytes."""
    import torch

    digest = hashlib.sha256(told.encode())
    for name in names:
        values = weight(name).detach().cpu().contiguous()
        digest.update(f"\n{name} {values.dtype} {tuple(values.shape)}\n".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def load_best(path: Path, model: Any) -> None:
    """Put the best weights into `model`, or into the part of it that this process has, in place."""
    import torch
    from safetensors.torch import load_file

    from ..distributed.sharding import named_weights, put

    best = load_file(path)
    with torch.no_grad():
        for name, weight in named_weights(model):
            if weight.requires_grad:
                put(best[name], weight.data)


def trained_weights(model: Any) -> dict[str, Any]:
    """The weights that training changes, by name, whole; tied weights appear once.

    All processes that share the model have to come here.
    """
    from ..distributed.sharding import named_weights, whole

    return {name: whole(weight.data) for name, weight in named_weights(model) if weight.requires_grad}


def has_adapters(model: Any) -> bool:
    """Whether only LoRA adapters of the model are trained."""
    return hasattr(model, "peft_config")
