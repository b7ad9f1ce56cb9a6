"""What all trials of a study take and cost, by estimate, where none is stopped early."""

from __future__ import annotations

import math
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.estimate.estimate import Estimate
from training_pipeline.domain.study import StudyRequest


class StudyTotal(BaseModel):
    """Figures of all trials. Null is what nobody can say of one of its base models."""

    model_config = ConfigDict(frozen=True)

    trials: int
    #: Training time of all of them together, and with as many at once as there may be.
    trained_seconds: float | None
    elapsed_seconds: float | None
    cost: float | None
    currency: str | None


def total_of(request: StudyRequest, estimates: Iterable[Estimate]) -> StudyTotal:
    """As many trials as there may be, each as on the base model that takes longest, and costs most."""
    found = list(estimates)
    seconds = _greatest(one.time.middle for one in found)
    cost = _greatest(one.cost.middle for one in found)
    rounds = math.ceil(request.most_trials / request.most_at_once)
    return StudyTotal(
        trials=request.most_trials,
        trained_seconds=None if seconds is None else request.most_trials * seconds,
        elapsed_seconds=None if seconds is None else rounds * seconds,
        cost=None if cost is None else request.most_trials * cost,
        currency=next((one.currency for one in found), None),
    )


def _greatest(figures: Iterable[float | None]) -> float | None:
    known = list(figures)
    told = [each for each in known if each is not None]
    return max(told) if told and len(told) == len(known) else None
