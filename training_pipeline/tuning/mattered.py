"""How much each key of a study mattered, or why nobody can say; worked out anew once another trial has succeeded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from training_pipeline.domain.study import StudyRequest, TrialStatus
from training_pipeline.tuning.optimizer import LEAST_TOLD, Observation, importances

#: The answers of so many studies are kept, those that were asked for last.
_KEPT: Final = 64


@dataclass(frozen=True, slots=True)
class Importances:
    """The share of the differences that each key makes, the most first; where there are none, why."""

    shares: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""


class WhatMattered:
    """Keeps the answer of each study for as long as no other trial succeeds. May be asked by several threads."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, Importances]] = {}

    def of(self, request: StudyRequest, told: Sequence[Observation]) -> Importances:
        """What mattered in a study with these trials. The trials that have succeeded never change."""
        count = sum(one.trial.status is TrialStatus.SUCCEEDED for one in told)
        known = self._known.pop(request.name, None)
        if known is None or known[0] != count:
            known = (count, _worked_out(request, told, count))
        self._known[request.name] = known
        while len(self._known) > _KEPT:
            self._known.pop(next(iter(self._known)), None)
        return known[1]


def _worked_out(request: StudyRequest, told: Sequence[Observation], count: int) -> Importances:
    if count < LEAST_TOLD:
        return Importances(reason=f"It can be told once {LEAST_TOLD} trials have succeeded; {count} have so far.")
    try:
        shares = importances(request, told)
    except ImportError as error:
        return Importances(reason=f"Optuna lacks a package for it: {error.name or error}.")
    return Importances(shares) if shares else Importances(reason="All trials that succeeded came to the same.")
