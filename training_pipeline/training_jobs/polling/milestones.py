"""Milestones of a job's progress: each epoch, and each tenth of its steps."""

from __future__ import annotations

import math
from typing import Final

#: Progress between two milestones that are no ends of an epoch (percent).
STEP: Final = 10.0
_ROUNDING: Final = 1e-6


def milestones(progress: float, total_epochs: float | None) -> tuple[int, int]:
    """How many tenths of its steps, and how many epochs, a job has behind it at so many percent.

    Epochs are counted from the same percentage, so that nothing but the last one that was reported needs remembering.
    """
    epochs = 0.0 if total_epochs is None else progress / 100.0 * total_epochs
    return math.floor(progress / STEP + _ROUNDING), math.floor(epochs + _ROUNDING)


def has_passed(reported: float, progress: float, total_epochs: float | None) -> bool:
    """Whether a milestone lies between the progress that was reported last and that of now.

    A job that was thrown back to a checkpoint has passed none until it is further than it was.
    """
    return progress > reported and milestones(progress, total_epochs) != milestones(reported, total_epochs)
