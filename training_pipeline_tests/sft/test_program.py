"""The program as it is really started: a process of its own, killed, stopped, resumed."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

import training_pipeline.sft
from training_pipeline.backends.metric_point import PASSED_OVER, SYSTEM
from training_pipeline.sft.errors import BAD_CONFIG, FAILED, STOPPED, SUCCEEDED
from training_pipeline.sft.training import checkpoints
from training_pipeline.testing.trainers.trainer_runs import Run, new_run
from training_pipeline.testing.trainers.triage import triage_pairs
from training_pipeline.training_jobs.store.machine_samples import SAMPLED

pytestmark = pytest.mark.slow

#: 40 pairs of 100 hold a word that must appear nowhere but in the model's own files and the samples.
SECRET = "zanzibar"
#: Three epochs teach this model little: whether it stops is not what is tested here.
SETTINGS: dict[str, Any] = {
    "epochs": 3,
    "evaluations_per_epoch": 2,
    "exact_match_questions": 5,
    "allow_never_stops": True,
}


def pairs() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = triage_pairs(120)
    for row in rows[:40]:
        row["messages"][0]["content"] += f" {SECRET}"
    return rows


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run without interruption, started from a copy of the folder alone, far from the project."""
    folder = tmp_path_factory.mktemp("finished")
    shutil.copytree(Path(training_pipeline.sft.__file__).parent, folder / "sft")
    run = new_run(folder, pairs(), **SETTINGS)
    run.command = [sys.executable, "-I", str(folder / "sft")]
    code, printed = run.finish()
    assert code == SUCCEEDED, printed
    assert SECRET not in printed
    for told in (
        "Starting the training of triage",
        "96 training examples",
        "Step 36 of 36: val_loss ",
        "Done: 36 steps",
    ):
        assert told in printed  # which is the log of its run
    return run


def test_the_result_says_what_became_of_it(finished: Run) -> None:
    result = finished.read("result.json")
    assert result["status"] == "succeeded"
    assert result["steps"] == result["planned_steps"] == 36
    assert result["epochs_completed"] == 3.0
    assert result["truncated_examples"] == 0
    assert result["val_loss"] < result["custom_metrics"]["val_loss_before"]
    assert result["train_loss"] < result["train_loss_first"]
    assert 0 <= result["custom_metrics"]["exact_match_after"] <= 1
    assert result["duration_seconds"] > 0
    assert result["custom_metrics"]["peak_memory_mb"] > 100
    assert result["custom_metrics"]["trained_tokens"] < result["tokens"]
    status = finished.read("status.json")
    assert (status["phase"], status["step"], status["planned_steps"]) == ("done", 36, 36)


def test_the_curves_are_complete_and_in_order(finished: Run) -> None:
    curves: dict[str, list[dict[str, Any]]] = {}
    for point in finished.points():
        assert list(point) == ["name", "step", "value", "epoch", "tokens", "time"]
        curves.setdefault(point["name"], []).append(point)
    steps = {name: [point["step"] for point in points] for name, points in curves.items()}
    assert steps["val_loss"] == steps["val_accuracy"] == [0, 6, 12, 18, 24, 30, 36]
    for name in ("train_loss", "train_accuracy", "learning_rate", "grad_norm"):
        assert steps[name] == list(range(1, 37))
    assert curves["train_loss"][-1]["tokens"] == finished.read("result.json")["tokens"]
    assert curves["train_loss"][-1]["epoch"] == 3.0


def test_the_machine_is_measured_while_it_trains(finished: Run) -> None:
    assert {name for name in SAMPLED if "gpu" not in name} <= {
        point["name"].removeprefix(SYSTEM) for point in finished.samples() if point["step"] == 0
    }
    began, ended = (finished.points()[place]["time"] for place in (0, -1))
    assert all(began <= point["time"] <= ended + 5 for point in finished.samples())


def test_the_model_is_whole_and_its_files_are_named_by_hash(finished: Run) -> None:
    model = finished.run_dir / "model"
    files = {path.relative_to(model).as_posix(): path for path in model.rglob("*") if path.is_file()}
    assert finished.read("result.json")["model_files"] == {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()
    }
    tokenizer: Any = AutoTokenizer.from_pretrained(model)
    loaded: Any = AutoModelForCausalLM.from_pretrained(model)
    samples = [json.loads(line) for line in (finished.run_dir / "samples.jsonl").read_text().splitlines()]
    assert len(samples) == 5
    for sample in samples:
        assert set(sample) == {"question", "expected", "before", "after"}
        prompt = tokenizer.apply_chat_template(
            [{"role": "user", "content": sample["question"]}],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        )
        written = loaded.generate(**prompt, do_sample=False, max_new_tokens=4)[0, prompt["input_ids"].shape[1] :]
        assert sample["after"].startswith(tokenizer.decode(written, skip_special_tokens=True).strip())


def test_everything_is_the_owners_alone_and_nothing_is_left_over(finished: Run) -> None:
    for path in [finished.run_dir, *finished.run_dir.rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    assert {path.name for path in finished.run_dir.iterdir()} == {
        "losses.jsonl",
        "model",
        "progress.jsonl",
        "result.json",
        "run.json",
        "samples.jsonl",
        "status.json",
    }


def test_no_text_of_a_pair_is_in_any_file_about_the_run(finished: Run) -> None:
    for path in finished.run_dir.rglob("*"):
        if path.is_file() and path.name not in {"samples.jsonl", "tokenizer.json"}:
            assert SECRET.encode() not in path.read_bytes(), path
    card = (finished.run_dir / "model" / "README.md").read_text()
    assert "builtin:tiny" in card


def test_starting_a_finished_run_again_changes_nothing(finished: Run) -> None:
    before = finished.read("result.json")
    assert finished.finish() == (SUCCEEDED, "")
    assert finished.read("result.json") == before


def test_stopped_and_killed_and_resumed_it_ends_with_the_same_weights(finished: Run, tmp_path: Path) -> None:
    run = new_run(tmp_path, pairs(), **SETTINGS, checkpoint_minutes=1e-6)
    assert run.interrupt(signal.SIGTERM, when=(run.run_dir / "status.json").exists) == STOPPED  # while it loads
    assert run.read("result.json")["step"] == 0

    assert run.interrupt(signal.SIGTERM, when=lambda: run.step() >= 4) == STOPPED
    stopped = run.read("result.json")
    assert stopped["status"] == run.read("status.json")["phase"] == "stopped"
    assert 4 <= stopped["step"] < 36
    seen = (run.run_dir / "progress.jsonl").read_bytes()

    assert run.interrupt(signal.SIGKILL, when=lambda: run.step() >= stopped["step"] + 8) == -signal.SIGKILL
    assert not (run.run_dir / "result.json").exists()
    killed_at, seconds_then = run.step(), run.read("status.json")["seconds"]
    seen_later = (run.run_dir / "progress.jsonl").read_bytes()
    assert seen_later.startswith(seen)

    newest = checkpoints.latest(run.run_dir / "checkpoints")
    assert newest is not None
    weights = newest[0] / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")

    run.config["checkpoint_minutes"] = 5.0
    code, printed = run.finish()
    assert code == SUCCEEDED, printed
    assert f"{newest[0].name} damaged and passed over: training continues from step {newest[1].step - 1}" in printed
    assert killed_at < 36
    assert (run.run_dir / "progress.jsonl").read_bytes().startswith(seen_later[: seen_later.rfind(b"\n") + 1])
    ours, theirs = run.read("result.json"), finished.read("result.json")
    assert ours["model_files"]["model.safetensors"] == theirs["model_files"]["model.safetensors"]
    assert ours["tokens"] == theirs["tokens"]
    assert ours["val_loss"] == theirs["val_loss"]
    assert ours["recipe"] == theirs["recipe"]
    assert ours["duration_seconds"] > seconds_then >= stopped["duration_seconds"] > 0
    passed_over = [(point["step"], point["value"]) for point in run.points() if point["name"] == PASSED_OVER]
    assert passed_over == [(newest[1].step - 1, 1)]
    without_time = [
        [{**point, "time": 0} for point in one.points() if point["name"] != PASSED_OVER] for one in (run, finished)
    ]
    assert without_time[0] == without_time[1]


def test_a_bad_configuration_ends_at_once_with_every_reason(run: Run) -> None:
    run.config |= {"epochs": 0, "base_model": ""}
    code, printed = run.finish()
    assert code == BAD_CONFIG
    assert "Traceback" not in printed
    result = run.read("result.json")
    assert result["status"] == "failed"
    for part in ("epochs must be", "base_model must be"):
        assert part in result["error"]
        assert part in printed


def test_a_failure_is_one_sentence_without_the_text_of_a_pair(run: Run) -> None:
    with Path(run.config["train_file"]).open("a") as file:
        file.write(f'{{"messages": "{SECRET}"}}\n')
    code, printed = run.finish()
    assert code == FAILED
    result = run.read("result.json")
    assert re.fullmatch(r"train_file: the example in line 81 is not a chat example.*", result["error"])
    assert run.read("status.json")["phase"] == result["status"] == "failed"
    assert "Traceback" in printed
    assert SECRET not in printed + json.dumps(result)
