from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from training_pipeline.sft.config import parse
from training_pipeline.sft.run_dir import RunDir
from training_pipeline.sft.training.prepare import prepare
from training_pipeline.testing.trainers.trainer_runs import new_run
from training_pipeline.testing.trainers.triage import triage_pairs


def test_losses_do_not_depend_on_the_batch_size(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = triage_pairs(90)
    for number, row in enumerate(rows):
        row["messages"][1]["content"] += " again" * (number % 7)
    measured = []
    for batch in (8, 32, 64):
        config = parse(new_run(tmp_path, rows, batch_size=batch, run_dir=str(tmp_path / str(batch))).config)
        directory = RunDir(config.run_dir)
        directory.create()
        trainer = prepare(config, directory, lambda _: None).trainer
        trainer.args.per_device_eval_batch_size = batch
        measured.append(trainer.evaluate())
    with torch.no_grad():
        sums = [
            (float(trainer.model(input_ids=ids, labels=labels).loss) * trained, trained)
            for row in trainer.eval_dataset
            for ids, labels in [(torch.tensor([row["input_ids"]]), torch.tensor([row["labels"]]))]
            for trained in [int((labels != -100).sum())]
        ]
    mean = sum(loss for loss, _ in sums) / sum(trained for _, trained in sums)
    for metrics in measured:
        assert metrics["eval_loss"] == pytest.approx(mean, abs=1e-5)
        accuracy = measured[0]["eval_mean_token_accuracy"]
        assert metrics["eval_mean_token_accuracy"] == pytest.approx(accuracy, abs=1e-6)
