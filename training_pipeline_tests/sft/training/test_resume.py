from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from training_pipeline.sft.run_dir import Progress, RunDir, Status
from training_pipeline.sft.training import checkpoints
from training_pipeline.sft.training.checkpoints import Ledger
from training_pipeline.sft.training.resume import PASSED_OVER, resumable


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    """A run with checkpoints at steps 10 and 20, and the best weights, which are those of step 20."""
    found = RunDir(tmp_path / "run")
    found.create()
    for step, loss in ((10, 0.5), (20, 0.25)):
        folder = found.checkpoints / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        (folder / "weights").write_text("w")
        checkpoints.mark(folder, Ledger(step=step, best_val_loss=loss))
    best(found, 0.25)
    return found


def best(run: RunDir, loss: float) -> None:
    model: Any = torch.nn.Linear(2, 2)
    checkpoints.save_best(run.best, model, {"step": 1, "val_loss": loss})


def resumed(run: RunDir) -> tuple[int, list[tuple[int, float | None]], set[str]]:
    """The step from which it continues, what was told of it, and the checkpoints that are left."""
    progress = Progress(run.progress)
    _, ledger = resumable(run, Status.of(run), progress)
    progress.close()
    told = [(progress.reached[PASSED_OVER], progress.last[PASSED_OVER])] if PASSED_OVER in progress.reached else []
    return ledger.step, told, {path.name for path in run.checkpoints.iterdir()}


def test_it_continues_from_the_newest_with_the_best_weights_or_better_ones(run: RunDir) -> None:
    both = {"checkpoint-10", "checkpoint-20"}
    assert resumed(run) == (20, [], both)
    best(run, 0.125)  # of an evaluation behind the checkpoint
    assert resumed(run) == (20, [], both)


def test_a_damaged_checkpoint_is_told_once_and_is_gone(run: RunDir) -> None:
    (run.checkpoints / "checkpoint-20" / "weights").write_text("x")
    assert resumed(run) == (10, [(10, 1)], {"checkpoint-10"})
    run.progress.unlink()
    assert resumed(run) == (10, [], {"checkpoint-10"})


def test_a_checkpoint_whose_best_weights_were_lost_is_passed_over(run: RunDir) -> None:
    """The file is that of an earlier evaluation, as a power failure may leave it."""
    best(run, 0.5)
    assert resumed(run) == (10, [(10, 2)], {"checkpoint-10"})


def test_no_later_checkpoint_is_continued_from_once_training_starts_over(
    run: RunDir, capfd: pytest.CaptureFixture[str]
) -> None:
    run.best.write_bytes(b"x")
    assert resumed(run) == (0, [(0, 3)], set())
    told = "checkpoint-20, checkpoint-10, best.safetensors damaged and passed over: training continues from the start"
    assert told in capfd.readouterr().err
    best(run, 0.75)  # its first evaluation, before a kill and its first checkpoint
    assert resumed(run)[0] == 0
