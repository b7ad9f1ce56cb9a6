from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from training_pipeline.sft import checkpoints
from training_pipeline.sft.checkpoints import Ledger


def checkpoint(folder: Path, step: int) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "weights").write_text(str(step))
    return path


def test_a_checkpoint_counts_only_once_it_is_marked(tmp_path: Path) -> None:
    assert checkpoints.latest(tmp_path) is None
    first, second = checkpoint(tmp_path, 9), checkpoint(tmp_path, 10)
    assert checkpoints.latest(tmp_path) is None
    checkpoints.mark(first, Ledger(step=9, best_val_loss=0.5))
    assert checkpoints.latest(tmp_path) == (first, Ledger(step=9, best_val_loss=0.5))
    assert not second.exists()
    third = checkpoint(tmp_path, 100)
    assert checkpoints.latest(tmp_path) == (first, Ledger(step=9, best_val_loss=0.5))
    checkpoints.mark(third, Ledger(step=100))
    assert checkpoints.latest(tmp_path) == (third, Ledger(step=100))
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-100"]


def test_the_best_weights_come_back_with_their_facts(tmp_path: Path) -> None:
    model: Any = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
    model[1].weight = model[0].weight  # tied, as embeddings are
    model[1].bias.requires_grad = False  # frozen, as a base under LoRA is
    path = tmp_path / "best.safetensors"
    assert checkpoints.best_facts(path) is None
    checkpoints.save_best(path, model, {"step": 3, "val_loss": 0.25})
    kept = {name: weight.clone() for name, weight in model.state_dict().items()}
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(1)
    checkpoints.load_best(path, model)
    assert checkpoints.best_facts(path) == {"step": 3, "val_loss": 0.25}
    for name in ("0.weight", "0.bias", "1.weight"):
        assert torch.equal(model.state_dict()[name], kept[name])
    assert torch.equal(model.state_dict()["1.bias"], kept["1.bias"] + 1)
