from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.training_jobs.polling.milestones import has_passed, milestones

PROGRESS = st.floats(0, 99)
EPOCHS = st.none() | st.floats(1, 50)


@given(st.lists(PROGRESS, max_size=200), EPOCHS)
def test_each_milestone_is_reported_once_however_a_job_gets_there(path: list[float], epochs: float | None) -> None:
    reported, told = 0.0, []
    for progress in path:  # also back to a checkpoint, and after any number of restarts
        if has_passed(reported, progress, epochs):
            reported = progress
            told.append(milestones(progress, epochs))
    assert told == sorted(set(told))
    assert milestones(max([0.0, *path]), epochs) == milestones(reported, epochs)


def test_milestones_are_tenths_and_ends_of_epochs() -> None:
    told, reported = [], 0.0
    for step in range(100):
        if has_passed(reported, 100.0 * step / 100, 3.0):
            reported = 100.0 * step / 100
            told.append(step)
    assert told == [10, 20, 30, 34, 40, 50, 60, 67, 70, 80, 90]


def test_a_step_that_ends_an_epoch_counts_for_it_whatever_rounding_does() -> None:
    for epochs in range(1, 51):
        for done in range(1, epochs):
            assert milestones(100.0 * (7 * done) / (7 * epochs), float(epochs))[1] == done
