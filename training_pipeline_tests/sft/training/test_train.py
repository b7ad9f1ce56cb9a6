"""Training inside this process, where that is enough to see what it does."""

from __future__ import annotations

import json
import shutil
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaForCausalLM

from training_pipeline.sft.config import parse
from training_pipeline.sft.errors import TrainingFailed
from training_pipeline.sft.integrity import folder_sha256
from training_pipeline.sft.model import base_model
from training_pipeline.sft.run_dir import RunDir, Status
from training_pipeline.sft.stop import Stopped, StopRequest
from training_pipeline.sft.training.train import train
from training_pipeline.sft.training.trainer import Trainer
from training_pipeline.testing.trainers.trainer_runs import Run, new_run


def start(run: Run, *, stop_after: int | None = None, **settings: Any) -> dict[str, Any]:
    config = parse(run.config | settings)
    directory = RunDir(config.run_dir)
    directory.create()
    stop = StopRequest()

    class Told(Status):
        def tell(self, **facts: Any) -> None:
            super().tell(**facts)
            stop.asked = stop.asked or (stop_after is not None and facts.get("step") == stop_after - 1)

    result = train(config, directory, Told(directory.status), stop)
    assert result is not None
    return result


def validation_points(run: Run) -> dict[tuple[str, int], float]:
    points = (point for point in run.points() if point["name"].startswith("val_"))
    return {(point["name"], point["step"]): point["value"] for point in points}


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # PEFT still asks for it
def test_lora_trains_adapters_and_saves_them_beside_the_merged_model(run: Run, tiny_folder: Path) -> None:
    from peft import PeftModel

    result = start(
        run,
        method="lora",
        lora_rank=4,
        base_model=str(tiny_folder),
        epochs=1,
        gradient_accumulation_steps=2,
        allow_never_stops=True,
    )
    assert result["steps"] == 10
    assert result["val_loss"] < result["custom_metrics"]["val_loss_before"]
    assert result["base_model_files"] == folder_sha256(tiny_folder)
    model = run.run_dir / "model"
    assert {"adapter/adapter_model.safetensors", "model.safetensors"} <= set(result["model_files"])
    base: Any = AutoModelForCausalLM.from_pretrained(tiny_folder)
    merged: Any = AutoModelForCausalLM.from_pretrained(model)
    tokens = torch.arange(3, 40)[None]
    with torch.no_grad():
        before = base(tokens).logits
        adapted = PeftModel.from_pretrained(base, model / "adapter")(tokens).logits
        after = merged(tokens).logits
    assert torch.allclose(after, adapted, atol=1e-5)
    assert not torch.allclose(after, before, atol=1e-2)


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
def test_a_base_model_with_sampling_values_that_it_does_not_use_is_saved(
    run: Run, tiny_folder: Path, tmp_path: Path, method: str
) -> None:
    shutil.copytree(tiny_folder, tmp_path / "base")
    said = tmp_path / "base" / "generation_config.json"
    said.write_text(json.dumps({**json.loads(said.read_text()), "temperature": 0.9, "top_p": 0.6}))
    start(run, base_model=str(tmp_path / "base"), method=method, epochs=1, allow_never_stops=True)
    saved = json.loads((run.run_dir / "model" / "generation_config.json").read_text())
    assert "temperature" not in saved
    assert saved["eos_token_id"]


@pytest.mark.parametrize("scored", [0, 3])
def test_a_model_that_cannot_be_asked_fails_before_the_first_step(
    run: Run, monkeypatch: pytest.MonkeyPatch, scored: int
) -> None:
    def unable(*_: Any, **__: Any) -> None:
        raise ValueError("no cache")

    monkeypatch.setattr(LlamaForCausalLM, "generate", unable)
    with pytest.raises(ValueError, match="no cache"):
        start(run, exact_match_questions=scored)
    assert not (run.run_dir / "progress.jsonl").exists()


def test_pairs_that_cannot_be_trained_on_are_refused_before_the_weights_are_loaded(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_model, "with_weights", lambda *_: pytest.fail("the weights were loaded"))
    with pytest.raises(TrainingFailed, match="lose their whole answer to max_length 16"):
        start(run, max_length=16)


def test_memory_that_runs_out_behind_the_last_step_does_not_cost_the_model(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the steps needed is given back first."""
    optimizers: list[Any] = []
    held: list[Any] = []
    created = Trainer.create_optimizer

    def create(self: Any, *given: Any, **named: Any) -> Any:
        made = created(self, *given, **named)
        optimizers.append(weakref.ref(self.optimizer))
        return made

    def exhausted(model: Any, *_: Any, **__: Any) -> None:
        if optimizers:
            held.append([optimizers[0](), *(weight.grad for weight in model.parameters())])
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Trainer, "create_optimizer", create)
    monkeypatch.setattr(LlamaForCausalLM, "generate", exhausted)
    result = start(run, epochs=1, exact_match_questions=2)
    assert (result["custom_metrics"]["asked_questions"], result["custom_metrics"]["exact_match_after"]) == (0, 0.0)
    samples = [json.loads(line) for line in (run.run_dir / "samples.jsonl").read_text().splitlines()]
    assert [(sample["before"], sample["after"]) for sample in samples] == [(None, None)] * 2
    assert "model.safetensors" in result["model_files"]
    assert held
    assert all(each is None for after in held for each in after)


def test_training_stops_early_once_the_validation_loss_no_longer_improves(run: Run) -> None:
    # Validation answers that contradict the training pairs: the more is learned, the worse they fit.
    path = Path(run.config["validation_file"])
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        row["messages"][1]["content"] = "0123456789"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = start(run, epochs=20, early_stopping_patience=2, evaluations_per_epoch=2, learning_rate=1e-2)
    assert result["custom_metrics"]["stopped_early"] == 1.0
    best = result["custom_metrics"]["best_step"]
    assert result["steps"] == best + 2 * 5 < result["planned_steps"] == 200
    losses = {point["step"]: point["value"] for point in run.points() if point["name"] == "val_loss"}
    assert result["val_loss"] == losses[best] == min(value for step, value in losses.items() if step)


def test_a_training_that_is_stopped_at_an_evaluation_makes_it_up_when_it_goes_on(run: Run, tmp_path: Path) -> None:
    whole = Run(tmp_path / "whole", run.config | {"run_dir": str(tmp_path / "whole")})
    expected = start(whole, epochs=2, allow_never_stops=True)
    with pytest.raises(Stopped):
        start(run, stop_after=10, epochs=2, allow_never_stops=True)  # ten steps an epoch, evaluated at each end
    assert ("val_loss", 10) not in validation_points(run)
    result = start(run, epochs=2, allow_never_stops=True)
    assert validation_points(run) == pytest.approx(validation_points(whole))
    assert result["custom_metrics"]["best_step"] == expected["custom_metrics"]["best_step"]


def test_a_loss_that_is_no_number_ends_training_and_says_what_to_do(
    run: Run, tiny_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_folder, tmp_path / "broken")
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_folder)
    with torch.no_grad():
        model.lm_head.weight.fill_(float("nan"))
    model.save_pretrained(tmp_path / "broken")
    with pytest.raises(TrainingFailed, match="no finite number at step 1: lower learning_rate"):
        start(run, base_model=str(tmp_path / "broken"))
    assert {(point["name"], point["value"]) for point in run.points()} >= {("val_loss", None), ("train_loss", None)}


def test_a_directory_of_another_run_is_not_continued(run: Run, tmp_path: Path) -> None:
    directory = RunDir(run.run_dir)
    directory.create()
    directory.identity.write_text(json.dumps({"settings": "", "train_file": "", "validation_file": ""}))
    with pytest.raises(TrainingFailed, match="different: settings, train_file, validation_file"):
        start(run)


def test_a_pair_that_is_cut_is_counted(tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "a?"}, {"role": "assistant", "content": "b " * 100}]}
    result = start(new_run(tmp_path, [row] * 10), epochs=1, max_length=32, allow_never_stops=True)
    assert result["truncated_examples"] == 8
    assert result["custom_metrics"]["truncated_validation_examples"] == 2


def test_a_model_that_never_stops_fails_with_the_reason(tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "a?"}, {"role": "assistant", "content": "b " * 100}]}
    with pytest.raises(TrainingFailed, match=r"never stops: of 2 answers .* set allow_never_stops"):
        start(new_run(tmp_path, [row] * 10), epochs=1, max_length=32)


def test_files_that_are_not_those_of_the_record_are_not_trained_on(run: Run, tiny_folder: Path) -> None:
    files = folder_sha256(tiny_folder)
    for settings, said in (
        ({"train_sha256": "0" * 64}, "train_file .* is not the file that was recorded"),
        ({"validation_sha256": "0" * 64}, "validation_file .* is not the file that was recorded"),
        ({"base_model": str(tiny_folder), "base_model_files": {**files, "gone": "0" * 64}}, "added or gone: gone"),
        ({"base_model": str(tiny_folder), "base_model_files": {**files, "config.json": "0" * 64}}, "config.json"),
    ):
        with pytest.raises(TrainingFailed, match=said):
            start(run, **settings)
        shutil.rmtree(run.run_dir)
