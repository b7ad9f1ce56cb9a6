from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from training_pipeline.sft.config import parse
from training_pipeline.sft.run_dir import RunDir, read_json, write_json
from training_pipeline.sft.training.by_length import ByLength
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


def test_a_step_has_the_loss_accuracy_and_gradients_of_the_library(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = triage_pairs(60)
    for number, row in enumerate(rows):
        row["messages"][1]["content"] += " again" * (number % 7)
    config = parse(new_run(tmp_path, rows).config)
    directory = RunDir(config.run_dir)
    directory.create()
    trainer = prepare(config, directory, lambda _: None).trainer
    batch = trainer.data_collator([trainer.train_dataset[place] for place in range(8)])
    found = []
    for ours in (True, False):
        trainer._few_logits = ours
        trainer.model.train()
        trainer._metrics["train"].clear()
        loss = trainer.compute_loss(trainer.model, dict(batch), num_items_in_batch=torch.tensor(50))
        trainer.model.zero_grad()
        loss.backward()
        gradients = torch.cat([weight.grad.flatten() for weight in trainer.model.parameters()])
        found.append((loss.item(), trainer._metrics["train"]["mean_token_accuracy"], gradients))
    assert ("entropy" in trainer._metrics["train"]) is True  # the second one was the library's
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-6)
    assert found[0][1] == pytest.approx(found[1][1], abs=1e-6)
    assert torch.allclose(found[0][2], found[1][2], atol=1e-6)


@pytest.mark.parametrize("by_length", [True, False])
def test_a_run_keeps_the_order_that_it_began_with(tmp_path: Path, by_length: bool) -> None:
    config = parse(new_run(tmp_path).config)
    directory = RunDir(config.run_dir)
    directory.create()
    trainer = prepare(config, directory, lambda _: None).trainer
    if not by_length:  # as an earlier version of the program began it
        identity = read_json(directory.identity)
        del identity["by_length"]
        write_json(directory.identity, identity)
        trainer = prepare(config, directory, lambda _: None).trainer
    loader = trainer.get_train_dataloader()
    loader.set_epoch(1)
    taken = [row for batch in loader for row in batch["input_ids"].tolist()]
    order = prepare(config, directory, lambda _: None).trainer._get_train_sampler()
    assert isinstance(order, ByLength) is by_length
    order.set_epoch(1)
    expected = [trainer.train_dataset[place]["input_ids"] for place in order]
    assert [row[: len(ids)] for row, ids in zip(taken, expected, strict=True)] == expected
