from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from training_pipeline.domain.study import StudyRequest, TrialStatus
from training_pipeline.testing.studies.seen_study import study_of, trials_of
from training_pipeline.testing.studies.trial_life import study_request
from training_pipeline.tuning import mattered
from training_pipeline.tuning.mattered import Importances, WhatMattered
from training_pipeline.tuning.optimizer import Observation


class Asked:
    """Stands for Optuna, and counts."""

    def __init__(self, answer: dict[str, float] | Exception) -> None:
        self.answer, self.times = answer, 0

    def __call__(self, request: StudyRequest, told: Sequence[Observation]) -> dict[str, float]:
        self.times += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def told(**changes: Any) -> list[Observation]:
    return [Observation(trial.model_copy(update=changes)) for trial in trials_of(study_of("s"))]


def test_it_is_worked_out_once_for_each_number_of_succeeded_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    optuna = Asked({"learning_rate": 1.0})
    monkeypatch.setattr(mattered, "importances", optuna)
    memory, request, trials = WhatMattered(), study_request(), told()
    assert memory.of(request, trials) == memory.of(request, trials) == Importances({"learning_rate": 1.0})
    assert optuna.times == 1
    memory.of(request, [*trials, trials[0]])
    assert optuna.times == 2
    for number in range(mattered._KEPT):
        memory.of(study_request(name=f"s{number}"), trials)
    assert len(memory._known) == mattered._KEPT
    memory.of(request, trials)
    assert optuna.times == 3 + mattered._KEPT


def test_why_nobody_can_say(monkeypatch: pytest.MonkeyPatch) -> None:
    few = WhatMattered().of(study_request(), told()[:4])
    assert few.reason == "It can be told once 8 trials have succeeded; 4 have so far."
    same = WhatMattered().of(study_request(), told(status=TrialStatus.SUCCEEDED, value=1.0))
    assert same.reason == "All trials that succeeded came to the same."
    monkeypatch.setattr(mattered, "importances", Asked(ImportError("no", name="sklearn")))
    assert WhatMattered().of(study_request(), told()).reason == "Optuna lacks a package for it: sklearn."
