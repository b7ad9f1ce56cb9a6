"""What a killed run continues from, and the best weights so far.

A checkpoint counts only once its marker is there; the marker is written last, and names nothing but our own.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from .run_dir import read_json, write_json

MARKER: Final = "complete.json"


@dataclass(frozen=True, slots=True)
class Ledger:
    """What training must remember beside the Trainer's own state. `finished`: no step is left to do."""

    step: int = 0
    best_val_loss: float | None = None
    evaluations_without_gain: int = 0
    finished: bool = False
    stopped_early: bool = False


def mark(checkpoint: Path, ledger: Ledger) -> None:
    """Declare `checkpoint` complete and delete all others. Its files are on disk before the marker is."""
    for file in checkpoint.iterdir():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
    write_json(checkpoint / MARKER, asdict(ledger))
    for other in checkpoint.parent.glob("checkpoint-*"):
        if other != checkpoint:
            shutil.rmtree(other)


def latest(checkpoints: Path) -> tuple[Path, Ledger] | None:
    """The newest complete checkpoint, or None. Reads only."""
    found = [(path.parent, Ledger(**read_json(path))) for path in checkpoints.glob(f"checkpoint-*/{MARKER}")]
    return max(found, key=lambda pair: pair[1].step, default=None)


def save_best(path: Path, model: Any, facts: dict[str, Any]) -> None:
    """Replace the best weights (those that are trained) and, in the same file, the facts about them. Atomic."""
    from safetensors.torch import save_file

    temporary = path.with_name(f".{path.name}.tmp")
    save_file(_trained_weights(model), temporary, metadata={"facts": json.dumps(facts)})
    temporary.replace(path)


def best_facts(path: Path) -> dict[str, Any] | None:
    """The facts stored with the best weights, or None. Reads only."""
    from safetensors import safe_open

    if not path.exists():
        return None
    with safe_open(path, framework="pt") as file:
        facts: dict[str, Any] = json.loads(file.metadata()["facts"])
    return facts


def load_best(path: Path, model: Any) -> None:
    """Put the best weights into `model`, in place."""
    import torch
    from safetensors.torch import load_file

    best = load_file(path)
    with torch.no_grad():
        for name, weight in _trained_weights(model).items():
            weight.copy_(best[name])


def _trained_weights(model: Any) -> dict[str, Any]:
    """The weights that training changes, by name; tied weights appear once."""
    return {name: weight.data for name, weight in model.named_parameters() if weight.requires_grad}
