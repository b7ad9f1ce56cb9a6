"""What a run that is started again continues from."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..output import say
from ..run_dir import Progress, RunDir, Status
from . import checkpoints
from .checkpoints import Ledger

#: The point that tells whoever watches of checkpoints that were passed over.
PASSED_OVER: Final = "checkpoints_passed_over"


def resumable(run: RunDir, status: Status, progress: Progress) -> tuple[Path | None, Ledger]:
    """The newest checkpoint that is whole and whose best weights are there, or the start; deletes what is behind it.

    What is passed over is told. It is deleted so that no later start continues from it: the training takes these steps
    again.
    """
    best = checkpoints.best_facts(run.best)
    lost: set[str] = set()

    def has_best(ledger: Ledger) -> bool:
        """Whether the best weights are those that it remembers, or better ones of an evaluation behind it."""
        there = ledger.best_val_loss is None or (best is not None and best["val_loss"] <= ledger.best_val_loss)
        if not there:
            lost.add(run.best.name)
        return there

    found = checkpoints.latest(run.checkpoints, has_best)
    ledger = found[1] if found else Ledger()
    passed = [*checkpoints.complete_after(run.checkpoints, ledger.step), *lost]
    if passed:
        place = f"step {ledger.step}" if found else "the start"
        told = f"{', '.join(passed)} damaged and passed over: training continues from {place}"
        say(told)
        progress.note(PASSED_OVER, ledger.step, len(passed))
        status.tell(message=told)
        status.write()
    checkpoints.discard_after(run.checkpoints, ledger.step)
    if not found:
        run.best.unlink(missing_ok=True)
    return (found[0], ledger) if found else (None, ledger)
