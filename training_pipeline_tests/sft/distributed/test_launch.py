"""Several processes that train one model together: what comes out is what comes out of one."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file

from training_pipeline.sft.distributed.launch import exit_code
from training_pipeline.sft.errors import BAD_CONFIG, FAILED, INTERRUPTED, STOPPED, SUCCEEDED
from training_pipeline.sft.training.machine_load import PREFIX
from training_pipeline.testing.trainers.trainer_runs import Run, new_run

#: The program on a machine with two GPUs, as far as it asks.
TWO = [
    sys.executable,
    "-c",
    "import sys; from training_pipeline.sft import program; from training_pipeline.sft.distributed import devices; "
    "devices.processes = lambda config: 2; sys.exit(program.main(sys.argv[1:]))",
]
#: 81 examples in batches of 10 in two parts: neither a part nor the last batch can be halved.
SETTINGS: dict[str, Any] = {
    "batch_size": 10,
    "gradient_accumulation_steps": 2,
    "evaluations_per_epoch": 2,
    "exact_match_questions": 3,
    "allow_never_stops": True,
}


def test_the_exit_code_is_that_of_one_process() -> None:
    assert exit_code({"status": "succeeded"}) == SUCCEEDED
    assert exit_code({"status": "stopped"}) == STOPPED
    assert exit_code({"status": "failed", "recurs": True}) == FAILED
    assert exit_code({"status": "failed", "recurs": False}) == exit_code(None) == INTERRUPTED
    assert exit_code({"status": "?"}) == BAD_CONFIG


def curves(run: Run) -> dict[tuple[str, int], float]:
    points = [point for point in run.points() if not point["name"].startswith(PREFIX)]
    return {(point["name"], point["step"]): point["value"] for point in points}


def weights(run: Run) -> dict[str, torch.Tensor]:
    return load_file(run.run_dir / "model" / "model.safetensors")


def assert_like(run: Run, one: Run) -> None:
    """The same curves and the same model, within 1e-4."""
    assert curves(run).keys() == curves(one).keys()
    for name, value in curves(one).items():
        assert curves(run)[name] == pytest.approx(value, abs=1e-4), name
    trained = weights(run)
    for part, weight in weights(one).items():
        assert torch.allclose(trained[part], weight, atol=1e-4), part
    found, expected = run.read("result.json"), one.read("result.json")
    assert found["steps"] == expected["steps"] == 18
    assert found["val_loss"] == pytest.approx(expected["val_loss"], abs=1e-4)
    assert found["tokens"] == expected["tokens"]
    assert found["model_files"].keys() == expected["model_files"].keys()
    assert not list(run.run_dir.glob("*rank*"))
    losses = (run.run_dir / "losses.jsonl").read_text().splitlines()
    assert len(losses) == len((one.run_dir / "losses.jsonl").read_text().splitlines()) == 21


def pairs() -> list[dict[str, Any]]:
    from training_pipeline.testing.trainers.triage import triage_pairs

    return triage_pairs(102)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = new_run(tmp_path_factory.mktemp("one"), pairs(), **SETTINGS)
    code, printed = run.finish()
    assert code == SUCCEEDED, printed
    return run


def together(folder: Path, **settings: Any) -> Run:
    run = new_run(folder, pairs(), **SETTINGS, **settings)
    run.command = TWO
    return run


@pytest.mark.nightly
def test_two_processes_train_as_one_does(one: Run, tmp_path: Path) -> None:
    run = together(tmp_path)
    code, printed = run.finish()
    assert code == SUCCEEDED, printed
    assert "2 processes train together" in printed
    assert printed.count("Done: 18 steps") == 1  # the second process says nothing
    assert_like(run, one)


@pytest.mark.nightly
@pytest.mark.parametrize("epoch", [1, 2])
def test_what_two_processes_began_one_goes_on_with_and_so_do_two(one: Run, tmp_path: Path, epoch: int) -> None:
    """Stopped in the middle of an epoch: each has an order of its own."""
    reached = 6 * epoch - 1  # nine steps are an epoch
    (tmp_path / "begun").mkdir()
    begun = together(tmp_path / "begun")
    assert begun.interrupt(signal.SIGTERM, when=lambda: begun.step() >= reached) == STOPPED
    assert begun.read("result.json")["status"] == "stopped"
    for name, command in (("two", TWO), ("one", one.command)):
        copy = tmp_path / name
        shutil.copytree(begun.run_dir, copy)
        run = Run(tmp_path, {**begun.config, "run_dir": str(copy)}, command)
        code, printed = run.finish()
        assert code == SUCCEEDED, printed
        assert "Training from step " in printed
        assert "Training from step 0" not in printed
        assert_like(run, one)


@pytest.mark.nightly
def test_adapters_are_trained_by_two_processes_as_by_one(tmp_path: Path, tiny_folder: Path) -> None:
    lora = {"method": "lora", "lora_rank": 4, "base_model": str(tiny_folder)}
    runs: list[Run] = []
    for command in (TWO, new_run(tmp_path).command):
        folder = tmp_path / str(len(runs))
        folder.mkdir()
        run = together(folder, **lora)
        run.command = command
        code, printed = run.finish()
        assert code == SUCCEEDED, printed
        runs.append(run)
    assert "adapter/adapter_model.safetensors" in runs[0].read("result.json")["model_files"]
    assert_like(*runs)


@pytest.mark.nightly
def test_the_death_of_one_process_ends_all_and_is_told(one: Run, tmp_path: Path) -> None:
    run = together(tmp_path, checkpoint_minutes=0.001)
    process = run.start()
    ranks: list[psutil.Process] = []
    while run.step() < 3:
        assert process.poll() is None, process.communicate()
        ranks = psutil.Process(process.pid).children()
    second = next(rank for rank in ranks if rank.environ()["RANK"] == "1")
    second.kill()
    printed = process.communicate(timeout=120)
    assert process.returncode == INTERRUPTED, printed
    result = run.read("result.json")
    assert result["error_type"] == "ProcessLost"
    assert result["error"].startswith("Process 2 of the 2 that train together was killed (SIGKILL")
    assert result["recurs"] is False
    assert not any(rank.is_running() for rank in ranks)

    process = run.start()  # and now the launcher dies
    while (run.run_dir / "result.json").exists() or run.read("status.json")["phase"] != "training":
        assert process.poll() is None, process.communicate()
        ranks = psutil.Process(process.pid).children()
    process.kill()
    process.communicate(timeout=60)
    assert psutil.wait_procs(ranks, timeout=20)[1] == []
    code, out = run.finish()
    assert code == SUCCEEDED, out
    assert_like(run, one)
