from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from training_pipeline.sft.training import checkpoints
from training_pipeline.sft.training.checkpoints import Ledger


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
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-9", "checkpoint-100"}
    checkpoints.mark(checkpoint(tmp_path, 110), Ledger(step=110))
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-100", "checkpoint-110"}


@pytest.mark.parametrize("damage", ["weights", "complete.json", "gone"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before_or_the_start(tmp_path: Path, damage: str) -> None:
    for step in (9, 10):
        checkpoints.mark(checkpoint(tmp_path, step), Ledger(step=step))
    for name, left in (("checkpoint-10", "checkpoint-9"), ("checkpoint-9", None)):
        assert checkpoints.latest(tmp_path) is not None
        if damage == "gone":
            (tmp_path / name / "weights").unlink()
        else:
            (tmp_path / name / damage).write_text("x")
        found = checkpoints.latest(tmp_path)
        assert (found and found[0].name) == left
        assert name in checkpoints.complete_after(tmp_path, found[1].step if found else 0)


def test_a_damaged_checkpoint_of_a_later_step_pushes_no_good_one_out(tmp_path: Path) -> None:
    for step in (9, 20):
        checkpoints.mark(checkpoint(tmp_path, step), Ledger(step=step))
    (tmp_path / "checkpoint-20" / "weights").write_text("x")
    checkpoints.mark(checkpoint(tmp_path, 15), Ledger(step=15))
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-9", "checkpoint-15"}


def test_what_is_behind_a_step_is_named_and_deleted(tmp_path: Path) -> None:
    for step in (9, 20):
        checkpoints.mark(checkpoint(tmp_path, step), Ledger(step=step))
    checkpoint(tmp_path, 30)
    assert checkpoints.complete_after(tmp_path, 0) == ["checkpoint-20", "checkpoint-9"]
    assert checkpoints.complete_after(tmp_path, 9) == ["checkpoint-20"]
    checkpoints.discard_after(tmp_path, 9)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-9"]


def test_best_weights_that_are_damaged_are_none(tmp_path: Path) -> None:
    model: Any = torch.nn.Linear(30, 30, dtype=torch.bfloat16)
    path = tmp_path / "best.safetensors"
    checkpoints.save_best(path, model, {"step": 3, "val_loss": 0.25})
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    assert checkpoints.best_facts(path) is None
    for damaged in (whole.replace(b"0.25", b"0.24"), whole.replace(b'"BF16"', b'"F16" ')):
        assert damaged != whole
        path.write_bytes(damaged)
        assert checkpoints.best_facts(path) is None
    for place in (len(whole) - 1, len(whole) - 900):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert checkpoints.best_facts(path) is None


def test_best_weights_of_an_earlier_version_have_no_digest(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    save_file({"weight": torch.ones(2)}, path, metadata={"facts": '{"step": 3}'})
    assert checkpoints.best_facts(path) == {"step": 3}


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
