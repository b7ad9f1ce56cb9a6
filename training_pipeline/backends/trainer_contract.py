"""What goes into the training program and what comes out of it, as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ValidationError

from training_pipeline.backends.results import AnsweredQuestion, PairLoss, TrainingResult
from training_pipeline.backends.submission import Submission
from training_pipeline.domain.errors import BackendFailed
from training_pipeline.domain.training_config import TrainingConfig

#: Where the training program leaves what it was asked, beside its result.
ANSWERS_FILE: Final = "samples.jsonl"
#: And the loss of each validation pair.
LOSSES_FILE: Final = "losses.jsonl"


#: Whether a model is divided among the GPUs of the machine that trains it: where one does not hold it, always or never.
Sharding = Literal["auto", "always", "never"]


def trainer_config(submission: Submission, run_dir: Path, *, sharding: Sharding = "auto") -> dict[str, Any]:
    """What the training program reads: the submission, flat, with absolute paths."""
    return {
        "schema": 1,
        "run_dir": str(run_dir),
        "train_file": str(submission.train_file.absolute()),
        "validation_file": str(submission.validation_file.absolute()),
        "manifest_file": str(submission.manifest_file.absolute()) if submission.manifest_file else None,
        "train_sha256": submission.train_sha256,
        "validation_sha256": submission.validation_sha256,
        "base_model": submission.base_model,
        "base_model_revision": submission.base_model_revision,
        "base_model_files": submission.base_model_files,
        "model_name": submission.model_name,
        **hyperparameters(submission.config),
        "sharding": sharding,
        "mlflow": None,
    }


def hyperparameters(config: TrainingConfig) -> dict[str, Any]:
    """The part of a job's configuration that is the training program's own; the rest is the backend's."""
    return config.model_dump(mode="json", exclude={"timeout_minutes", "accelerator", "accelerator_count"})


def training_result(result: Mapping[str, Any], run_dir: Path) -> TrainingResult:
    """The training program's result.json as a result; raises `BackendFailed` if a file it names is not there. Reads."""
    try:
        model_dir = run_dir / result["model_dir"] if result.get("model_dir") else None
        fields = {name: result[name] for name in TrainingResult.model_fields if result.get(name) is not None}
        metrics = {name: value for name, value in (result.get("custom_metrics") or {}).items() if value is not None}
        tokens = result.get("tokens")
        fields |= {"model_dir": model_dir, "custom_metrics": metrics, "tokens": tokens}
        made = TrainingResult(**fields)
    except (ValueError, KeyError, TypeError) as error:
        raise BackendFailed(f"The result of the run {run_dir.name} breaks its contract: {error}") from error
    named = [model_dir / name for name in made.model_files] if model_dir else []
    missing = [str(path) for path in named if not path.is_file()]
    if missing:
        raise BackendFailed(f"The run {run_dir.name} succeeded, but of its model these are gone: {', '.join(missing)}.")
    return made


def answered_questions(content: bytes) -> list[AnsweredQuestion]:
    """The questions and answers in the file that the training program leaves. Raises `BackendFailed`."""
    try:
        return [AnsweredQuestion.model_validate_json(line) for line in content.splitlines() if line.strip()]
    except ValidationError:  # whose text holds that of the pair
        raise BackendFailed(f"The file {ANSWERS_FILE} of the run breaks its contract.") from None


def pair_losses(content: bytes) -> list[PairLoss]:
    """The losses in the file that the training program leaves. Raises `BackendFailed`."""
    try:
        return [PairLoss.model_validate_json(line) for line in content.splitlines() if line.strip()]
    except ValidationError:
        raise BackendFailed(f"The file {LOSSES_FILE} of the run breaks its contract.") from None
