"""Intervals: as others work them out, and honest in simulations of which the truth is known."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from training_pipeline.models.evaluation.intervals import Interval, mean_interval, more_needed, wilson
from training_pipeline.testing.models.simulated_evaluations import (
    TOGETHER,
    Together,
    against,
    coverage,
    difference,
    shipped_though_rarely_lost,
    shipped_though_skewed,
)
from training_pipeline.testing.soak import SOAKING

SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=60)
LEVELS = st.sampled_from([0.8, 0.9, 0.95, 0.99])


@given(st.integers(1, 3000), st.floats(0, 1), LEVELS)
def test_wilson_is_what_scipy_says(n: int, share: float, level: float) -> None:
    successes = round(share * n)
    found = wilson(successes, n, level=level)
    theirs = stats.binomtest(successes, n).proportion_ci(level, method="wilson")
    assert (found.lower, found.upper) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert 0 <= found.lower <= found.estimate <= found.upper <= 1


@pytest.mark.parametrize(("successes", "n"), [(1, 0), (-1, 5), (6, 5)])
def test_wilson_refuses_what_is_no_proportion(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="successes must be 0 to n"):
        wilson(successes, n)


@settings(max_examples=40, deadline=None)
@given(SHARES, st.randoms(use_true_random=False))
def test_a_mean_is_in_its_interval_and_the_order_says_nothing(values: list[float], random: object) -> None:
    found = mean_interval(np.array(values), bounds=(0, 1))
    assert 0 <= found.lower <= found.estimate <= found.upper <= 1
    assert found.lower < found.upper
    assert found.n == len(values)
    random.shuffle(values)  # type: ignore[attr-defined]
    assert mean_interval(np.array(values), bounds=(0, 1)) == found


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=10, max_size=40), st.floats(0.1, 50))
def test_another_unit_is_another_unit_only(values: list[float], unit: float) -> None:
    found = mean_interval(np.array(values), bounds=(-1, 1))
    scaled = mean_interval(np.array(values) * unit, bounds=(-unit, unit))
    assert (scaled.lower, scaled.upper) == pytest.approx((found.lower * unit, found.upper * unit), abs=1e-9 * unit)


def test_values_that_are_all_alike_are_not_beyond_doubt() -> None:
    for n in (30, 400):
        found = mean_interval(np.zeros(n), bounds=(-1, 1))
        assert found.lower < -1 / n
        assert found.upper > 1 / n
    # Without bounds nobody knows how far others could be; the same model twice differs by nothing.
    assert mean_interval(np.zeros(30), bounds=None) == Interval(n=30, estimate=0, lower=0, upper=0)
    alone = mean_interval(np.ones(1), bounds=None)
    assert (alone.lower, alone.upper) == (-math.inf, math.inf)


def test_with_many_values_it_is_the_interval_of_everybody() -> None:
    rng = np.random.default_rng(5)
    values = rng.beta(2, 1, 9_990)
    drawn = mean_interval(values, bounds=(0, 1))
    error = stats.sem(values)
    assert (drawn.lower, drawn.upper) == pytest.approx(
        stats.norm.interval(0.95, values.mean(), error), abs=0.15 * error
    )
    more = mean_interval(np.append(values, rng.beta(2, 1, 20)), bounds=(0, 1))  # nothing is drawn any more
    assert (more.lower, more.upper) == pytest.approx((drawn.lower, drawn.upper), abs=0.2 * error)


def test_the_seed_is_what_makes_the_interval() -> None:
    values = np.random.default_rng(7).random(50)
    first, again = (mean_interval(values, bounds=(0, 1), seed=3) for _ in range(2))
    assert first == again
    assert first != mean_interval(values, bounds=(0, 1), seed=4)


@pytest.mark.parametrize(
    ("values", "said"),
    [([], "no values"), ([0.5, math.nan], "finite"), ([0.5, 1.5], "within 0 and 1"), ([math.inf], "finite")],
)
def test_what_has_no_mean_is_refused(values: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        mean_interval(np.array(values), bounds=(0, 1))


def test_a_wider_level_is_wider() -> None:
    values = np.random.default_rng(9).random(40)
    widths = [
        (found := mean_interval(values, bounds=(0, 1), level=level)).upper - found.lower
        for level in (0.8, 0.95, 0.999, 0.99999)
    ]
    assert widths == sorted(widths)


# Honesty: of 5,000 simulated evaluations. Their seeds are fixed, so nothing here is a matter of luck.

Case = tuple[int, float, Together, float]
EVERY: list[Case] = list(product((30, 100, 400), (0.5, 0.8, 0.95), TOGETHER, (0, 0.02, 0.05)))
#: Answers of related models, and the hardest case: few questions differ, and all of them to one side.
SLICE: list[Case] = [
    (30, 0.8, "related", 0),
    (100, 0.8, "nested", 0.02),
    (100, 0.8, "nested", 0.05),
    (400, 0.8, "nested", 0.02),
]


@pytest.mark.parametrize("accuracy", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("n", [30, 100, 400])
def test_the_interval_of_an_accuracy_holds_it(n: int, accuracy: float) -> None:
    assert coverage(n, accuracy, simulations=5_000, seed=n) >= 0.93


@pytest.mark.soak
@pytest.mark.parametrize(("n", "accuracy", "together", "worse"), EVERY if SOAKING else SLICE)
def test_the_interval_of_a_difference_is_honest(n: int, accuracy: float, together: Together, worse: float) -> None:
    found = against(n, accuracy, worse=worse, together=together, margin=worse, simulations=5_000, seed=n)
    assert found.covers >= 0.93
    assert found.shipped <= 0.05  # worse by exactly the margin; where that is 0, no better and called better


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from([30, 100, 400]),
    st.sampled_from([0.005, 0.01, 0.02, 0.03, 0.1, 0.3]),
    st.sampled_from([0.5, 1, 2, 5, 8]),
    st.sampled_from([0, 0.05, 0.1, 0.5]),
)
def test_a_rare_heavy_loss_is_not_overlooked(n: int, share: float, loss: float, margin: float) -> None:
    """Also where no pair of the suite has it. With a margin of 0 the model is no better, and called better."""
    if share * loss >= margin:
        assert shipped_though_rarely_lost(n, share, loss, margin=margin) <= 0.05


@pytest.mark.soak
@pytest.mark.parametrize(
    ("n", "sigma"), list(product((30, 100, 400), (0.7, 1.0, 1.5))) if SOAKING else [(30, 1.5), (100, 1.5)]
)
def test_a_skewed_loss_within_the_margin_is_none_by_chance(n: int, sigma: float) -> None:
    for margin in (0.05, 0.5):
        assert shipped_though_skewed(n, sigma, worse=margin, simulations=1_000 if SOAKING else 100, seed=n) <= 0.05


def test_as_many_pairs_as_are_asked_for_settle_it() -> None:
    """A model that is as good as the one in use: 15 wins and 15 losses of 150 leave a margin of 0.05 open."""
    lower, upper = difference(150, 15, 15)
    assert lower < -0.05 < upper
    more = more_needed(Interval(n=150, estimate=0, lower=lower, upper=upper), -0.05, bounds=(-1, 1))
    assert more is not None
    n = 150 + more
    wins, losses, _ = np.random.default_rng(11).multinomial(n, [0.1, 0.1, 0.8], size=200).T
    settled = np.mean([difference(n, one, other)[0] > -0.05 for one, other in zip(wins, losses, strict=True)])
    assert 0.7 <= settled <= 0.95


def test_the_made_up_values_are_a_smaller_part_of_more() -> None:
    """Of 100 ties the interval is all made up: without knowing that 4,500 would be asked for."""
    few = mean_interval(np.zeros(100), bounds=(-8, 8))
    more = more_needed(few, -0.05, bounds=(-8, 8))
    assert more is not None
    settled = mean_interval(np.zeros(100 + more), bounds=(-8, 8))
    assert settled.lower > -0.05
    assert more < 1_000


def test_no_number_of_pairs_settles_what_is_exactly_so() -> None:
    assert more_needed(Interval(n=100, estimate=0.8, lower=0.7, upper=0.9), 0.8) is None
    assert more_needed(Interval(n=1, estimate=0.8, lower=-math.inf, upper=math.inf), 0.7) is None
    assert more_needed(Interval(n=100, estimate=0.8, lower=0.79, upper=0.81), 0.2) == 1
