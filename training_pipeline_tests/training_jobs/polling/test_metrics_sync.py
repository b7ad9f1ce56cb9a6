from __future__ import annotations

from training_pipeline.backends.metric_point import PASSED_OVER
from training_pipeline.testing.jobs.jobs import point
from training_pipeline.training_jobs.polling.metrics_sync import warnings_of


def test_points_that_are_as_they_should_be_warn_of_nothing() -> None:
    assert warnings_of([]) == []
    assert warnings_of([point("train_loss", 1, 2.0), point("val_loss", 1, 2.0)]) == []


def test_every_resume_that_passed_over_a_damaged_checkpoint_is_an_event() -> None:
    points = [point(PASSED_OVER, 40, 1), point("train_loss", 41, 2.0), point(PASSED_OVER, 0, 2)]
    first, second = warnings_of(points)
    assert first.message == "Warning: A damaged checkpoint was passed over; training continues from step 40."
    assert second.message == "Warning: 2 damaged checkpoints were passed over; training continues from the start."
    assert (first.data, second.data) == (
        {"code": PASSED_OVER, "count": 1, "step": 40},
        {"code": PASSED_OVER, "count": 2, "step": 0},
    )


def test_of_values_that_are_no_number_the_first_is_told() -> None:
    points = [point("val_loss_not_finite", 3, 1.0), point("train_loss_not_finite", 4, 1.0), point(PASSED_OVER, 2, 1)]
    assert [event.data and event.data["code"] for event in warnings_of(points)] == [PASSED_OVER, "not_finite"]
