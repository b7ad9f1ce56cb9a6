"""What a run that has succeeded left behind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.lineage import TrainingRecipe


class TrainingResult(BaseModel):
    """What a run left behind. Figures that were not measured are null."""

    model_config = ConfigDict(frozen=True)

    model_dir: Path | None
    model_files: dict[str, str]  # file name -> SHA-256 (hex)
    steps: int
    planned_steps: int
    epochs_completed: float
    tokens: int | None
    duration_seconds: float
    train_loss_first: float | None = None
    train_loss: float | None = None
    val_loss: float | None = None
    train_accuracy: float | None = None
    val_accuracy: float | None = None
    custom_metrics: dict[str, float] = {}
    truncated_examples: int = 0
    #: What the training program read: its two files by SHA-256, the commit of a base model from the Hub, and each file
    #: of a base model by SHA-256.
    train_sha256: str | None = None
    validation_sha256: str | None = None
    base_model_revision: str | None = None
    base_model_files: dict[str, str] | None = None
    #: Null where a training program of an earlier version does not say it.
    recipe: TrainingRecipe | None = None


class AnsweredQuestion(BaseModel):
    """A validation question, the expert's answer, and the model's before and after training; null where it had none."""

    model_config = ConfigDict(frozen=True)

    question: str
    expected: str
    before: str | None = None
    after: str | None = None


class PairLoss(BaseModel):
    """The mean loss of a token of the expert's answer to a validation pair; null where it is not finite."""

    model_config = ConfigDict(frozen=True)

    pair_id: str | None = None
    loss: float | None
    tokens: int


@runtime_checkable
class MeasuresPairs(Protocol):
    """What a backend has besides where its runs measure the loss of single validation pairs."""

    def pair_losses(self, job_id: str, attempt: int) -> Sequence[PairLoss]:
        """The losses with the trained weights, in the order of the validation file. Reads only.

        Empty where none were measured, as by earlier releases.
        """
        ...
