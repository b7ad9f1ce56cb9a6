"""`training-pipeline sheets check --base-model`: what a training on the pairs of a sheet would refuse or cut."""

from __future__ import annotations

from typing import Final

from rich.console import Console

from training_pipeline.app.backend import backend_of
from training_pipeline.backends.rehearsal import NOT_REHEARSED, Rehearsing, would_fail
from training_pipeline.datasets.rehearsed_pairs import included_ids, rehearse_pairs
from training_pipeline.domain.export_summary import SheetWarning
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.settings import Settings
from training_pipeline.sheets.base import TrainingSheetSource

_NEEDED: Final = 2


def check_training(
    settings: Settings, source: TrainingSheetSource, sheet_id: str, base_model: str | None, max_length: int | None
) -> list[SheetWarning]:
    """What the trainer would say of the pairs that pass both gates, as the dry run tells it. Trains nothing.

    Raises `InvalidRequest` for a base model or a length that the backend cannot take, and what opening a sheet does.
    """
    backend = backend_of(settings)
    config = TrainingConfig() if max_length is None else TrainingConfig(max_length=max_length)
    plan = backend.plan(base_model, config, train_pairs=None)
    if not isinstance(backend, Rehearsing) or backend.tokenizer(plan.base_model) is None:
        return [_unsaid(f"no tokenizer of {plan.base_model} can be asked on this machine.")]
    with source.open(sheet_id) as opened:
        ids = included_ids(opened, settings.gate_policy)
        if len(ids) < _NEEDED:
            return [_unsaid(f"{len(ids)} of its pairs may be trained on, and {_NEEDED} are needed.")]
        return list(rehearse_pairs(opened, settings.gate_policy, backend, plan, ids).warnings)


def _unsaid(why: str) -> SheetWarning:
    return SheetWarning(code=NOT_REHEARSED, count=1, message=f"What a training would refuse cannot be said: {why}")


def show_training(console: Console, warnings: list[SheetWarning] | None) -> None:
    """Print what a training would refuse or cut; nothing where that was not asked."""
    for warning in warnings or ():
        color = "red" if would_fail([warning]) else "yellow"
        console.print(f"training: {warning.message}", style=color, highlight=False, markup=False)
    if warnings == []:
        console.print("training: Nothing would be refused or cut.", style="green", highlight=False)
