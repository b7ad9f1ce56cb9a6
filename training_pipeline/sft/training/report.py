"""What a finished run leaves behind: its numbers, its answers, its model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..config import Config
from ..evaluation import evaluate
from ..evaluation.evaluate import Answer, Question
from ..integrity import sha256
from ..model.model_card import model_card
from ..output import peak_memory_mb
from ..run_dir import Progress, RunDir
from .prepare import Prepared


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the steps went. Seconds count over all resumes, tokens a second in this process and without evaluations."""

    state: Any
    stopped_early: bool
    seconds: float
    first_step_seconds: float | None = None
    tokens_per_second: float | None = None


def result(
    config: Config,
    prepared: Prepared,
    outcome: Outcome,
    progress: Progress,
    best: dict[str, Any],
    before: dict[str, Any],
    scored: Sequence[Question],
    after: Sequence[Answer | None],
) -> dict[str, Any]:
    """The numbers of `result.json`; `after` begins with the answers to `scored`. Reads only.

    Validation figures are those of the kept weights, the best ones.
    """
    state, train, validation = outcome.state, prepared.train_counts, prepared.validation_counts
    custom = {
        "val_loss_before": before["val_loss"],
        "val_accuracy_before": before["val_accuracy"],
        "best_step": best["step"],
        "stopped_early": float(outcome.stopped_early),
        "train_examples": train.examples,
        "validation_examples": validation.examples,
        "truncated_validation_examples": validation.truncated,
        "trained_tokens": round(train.trained_tokens * state.epoch),
        "parameters": prepared.base.parameters,
        "first_step_seconds": outcome.first_step_seconds,
        "tokens_per_second": outcome.tokens_per_second,
        **_peak_memory(),
    }
    custom["stopped_answers"], custom["asked_questions"] = evaluate.stopped(after)
    if scored:
        custom["exact_match_before"] = evaluate.exact_match(scored, before["answers"])
        custom["exact_match_after"] = evaluate.exact_match(scored, evaluate.texts(after[: len(scored)]))
    return {
        "steps": state.global_step,
        "planned_steps": prepared.planned_steps,
        "epochs_completed": state.epoch,
        "tokens": state.num_input_tokens_seen,
        "duration_seconds": outcome.seconds,
        "train_loss_first": progress.first.get("train_loss"),
        "train_loss": progress.last.get("train_loss"),
        "val_loss": best["val_loss"],
        "train_accuracy": progress.last.get("train_accuracy"),
        "val_accuracy": best["val_accuracy"],
        "truncated_examples": train.truncated,
        "precision": prepared.base.precision,
        "device": prepared.trainer.args.device.type,
        "chat_template": prepared.chat.source,
        "recipe": prepared.recipe,
        "base_model": config.base_model,
        "base_model_revision": prepared.base.revision,
        "base_model_files": prepared.base_model_files,
        "train_sha256": train.sha256,
        "validation_sha256": validation.sha256,
        "custom_metrics": {key: value for key, value in custom.items() if value is not None},
    }


def _peak_memory() -> dict[str, float]:
    """Peak memory of this process in MB: resident, and on the GPU where there is one."""
    peak = {"peak_memory_mb": peak_memory_mb()}
    if torch.cuda.is_available():
        peak["peak_gpu_memory_mb"] = torch.cuda.max_memory_allocated() / (1 << 20)
    return peak


def write_samples(
    path: Path, questions: Sequence[Question], before: Sequence[str | None], after: Sequence[str | None]
) -> None:
    """Write questions, expected answers and the model's, a JSON object a line."""
    with path.open("w", encoding="utf-8") as file:
        for question, first, last in zip(questions, before, after, strict=True):
            row = {"question": question.asked, "expected": question.expected, "before": first, "after": last}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def save_model(config: Config, run: RunDir, prepared: Prepared, report: dict[str, Any], model: Any) -> dict[str, str]:
    """Write the whole `model` to `run.model`, all at once: weights, tokenizer, card; adapters merged in and beside.

    Returns the SHA-256 of every file under its name relative to `run.model`. Idempotent.
    """
    half_done = run.model.with_name(".model.tmp")
    for stale in (half_done, run.model):
        shutil.rmtree(stale, ignore_errors=True)
    half_done.mkdir()
    if config.method == "lora":
        model.save_pretrained(half_done / "adapter")
        (half_done / "adapter" / "README.md").unlink(missing_ok=True)  # PEFT's card says nothing of this model
        model = model.merge_and_unload()
    model.to(prepared.base.stored_dtype).save_pretrained(half_done)
    prepared.base.tokenizer.save_pretrained(half_done)
    (half_done / "README.md").write_text(model_card(config, report), encoding="utf-8")
    half_done.rename(run.model)
    files = sorted(path for path in run.model.rglob("*") if path.is_file())
    return {path.relative_to(run.model).as_posix(): sha256(path) for path in files}
