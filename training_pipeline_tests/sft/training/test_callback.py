from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.sft.training.callback import CURVE_POINTS, evaluation_steps, logging_steps


@given(st.integers(1, 400), st.integers(1, 10), st.integers(1, 20))
def test_evaluations_come_at_even_distance_and_at_the_end_of_each_epoch(
    steps: int, epochs: int, per_epoch: int
) -> None:
    at = sorted(evaluation_steps(steps, epochs, per_epoch))
    assert set(range(steps, steps * epochs + 1, steps)) <= set(at)
    assert len(at) == epochs * min(steps, per_epoch)
    gaps = [later - earlier for earlier, later in zip([0, *at], at, strict=False)]
    assert max(gaps) - min(gaps) <= 2


@given(st.integers(1, 10**7))
def test_curves_have_few_enough_points(planned: int) -> None:
    assert planned / logging_steps(planned) <= CURVE_POINTS
