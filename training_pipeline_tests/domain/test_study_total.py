from __future__ import annotations

import pytest

from training_pipeline.domain.estimate.estimate import Estimate, Estimated
from training_pipeline.domain.study_total import StudyTotal, total_of
from training_pipeline.testing.studies.trial_life import study_request


def estimate(seconds: float | None, cost: float | None) -> Estimate:
    return Estimate(time=Estimated(middle=seconds), cost=Estimated(middle=cost), currency="EUR")


@pytest.mark.parametrize(
    ("estimates", "total"),
    [
        ([(600.0, 2.5)], (4200.0, 1800.0, 17.5)),
        ([(600.0, 2.5), (60.0, 3.0)], (4200.0, 1800.0, 21.0)),
        ([(600.0, None), (60.0, 3.0)], (4200.0, 1800.0, None)),
        ([(None, None)], (None, None, None)),
    ],
)
def test_as_many_times_as_the_dearest_trial(
    estimates: list[tuple[float | None, float | None]], total: tuple[float | None, ...]
) -> None:
    request = study_request(most_trials=7, most_at_once=3)
    found = total_of(request, [estimate(*each) for each in estimates])
    assert (found.trained_seconds, found.elapsed_seconds, found.cost) == total
    assert (found.trials, found.currency) == (7, "EUR")
    empty = StudyTotal(trials=7, trained_seconds=None, elapsed_seconds=None, cost=None, currency=None)
    assert total_of(request, []) == empty
