"""Evaluations of models whose accuracy is known, many at once: how often an interval holds what is true.

With right and wrong answers an interval depends on counts alone, so each pair of counts is worked out once, by the very
function that the product calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from training_pipeline.models.evaluation.intervals import mean_interval, wilson
from training_pipeline.models.evaluation.metrics import METRICS

#: How the answers of two models hang together: not at all, mostly, or as far as they can.
Together = Literal["independent", "related", "nested"]
TOGETHER: Final[tuple[Together, ...]] = ("independent", "related", "nested")
#: Of related models so many questions are easy or hard for both alike.
_ALIKE: Final = 0.7

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rates:
    """Of all simulated evaluations, how many."""

    #: The interval holds the true difference.
    covers: float
    #: The new model is called better.
    better: float
    #: The new model is found not worse by the margin: to be shipped, as far as that goes.
    shipped: float


def coverage(n: int, accuracy: float, *, simulations: int, seed: int) -> float:
    """How often the interval of one model's accuracy holds it."""
    right = np.random.default_rng(seed).binomial(n, accuracy, size=simulations)
    found = {count: wilson(count, n) for count in np.unique(right).tolist()}
    return float(np.mean([found[count].lower <= accuracy <= found[count].upper for count in right.tolist()]))


def against(
    n: int, accuracy: float, *, worse: float, together: Together, margin: float, simulations: int, seed: int
) -> Rates:
    """A model that is less accurate by `worse` than one in use with this accuracy, on the same `n` questions."""
    win, loss = discordant(accuracy, worse, together)
    drawn = np.random.default_rng(seed).multinomial(n, [win, loss, 1 - win - loss], size=simulations)
    counts, often = np.unique(drawn[:, :2], axis=0, return_counts=True)
    bounds = np.array([difference(n, wins, losses) for wins, losses in counts.tolist()])
    lower, upper = bounds[:, 0], bounds[:, 1]

    def share(held: NDArray[np.bool_]) -> float:
        return float(often[held].sum() / simulations)

    return Rates(
        covers=share((lower <= -worse) & (-worse <= upper)), better=share(lower > 0), shipped=share(lower > -margin)
    )


def discordant(accuracy: float, worse: float, together: Together) -> tuple[float, float]:
    """How often only the new model is right, and only the one in use."""
    new, held = accuracy - worse, accuracy
    if together == "nested":
        return 0.0, worse
    apart = 1.0 if together == "independent" else 1 - _ALIKE
    return apart * new * (1 - held), apart * held * (1 - new) + (1 - apart) * worse


@cache
def difference(n: int, wins: int, losses: int) -> tuple[float, float]:
    """The interval of the mean difference of so many answers."""
    values = np.repeat([1.0, -1.0, 0.0], [wins, losses, n - wins - losses])
    found = mean_interval(values, bounds=(-1, 1))
    return found.lower, found.upper


def shipped_though_rarely_lost(n: int, share: float, loss: float, *, margin: float) -> float:
    """How often a model is found within the margin that loses so much on this share of pairs in bits per byte, and is
    better by one amount on all others, so that in the mean it is worse by exactly the margin. Not simulated.
    """
    from scipy.stats import binom

    gain = (share * loss - margin) / (1 - share)
    found = 0.0
    for lost in range(n + 1):
        values = np.repeat([-loss, gain], [lost, n - lost])
        if mean_interval(values, bounds=METRICS["bits_per_byte"].reach).lower <= -margin:
            break  # with more that are lost, so much the more
        found += float(binom.pmf(lost, n, share))
    return found


def shipped_though_skewed(n: int, sigma: float, *, worse: float, simulations: int, seed: int) -> float:
    """How often a model is found within the margin that is worse by a lognormal loss: in the mean by `worse`, and, as
    losses count, by exactly the margin.
    """
    from scipy.stats import norm

    metric, rng = METRICS["bits_per_byte"], np.random.default_rng(seed)
    assert metric.bounds is not None
    middle, most = np.log(worse) - sigma * sigma / 2, metric.bounds[1]
    far = (np.log(most) - middle) / sigma
    margin = worse * norm.cdf(far - sigma) + most * norm.sf(far)
    drawn = (metric.counted(rng.lognormal(middle, sigma, n)) for _ in range(simulations))
    return float(np.mean([mean_interval(-values, bounds=metric.reach).lower > -margin for values in drawn]))
