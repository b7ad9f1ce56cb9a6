"""Intervals that are honest with few pairs: Wilson's for a proportion, a guarded bootstrap for everything else.

The bootstrap draws whole pairs, so a difference between two models is drawn from the differences of single pairs.
Where all values are alike it would see no doubt at all, and with few values too little. Two guards mend that: two
made-up values, one at either end of what is possible, and quantiles as far out as Student's t asks. docs/evaluation.md
says where both come from, and bench/intervals.py how often the intervals hold what is true.

SciPy is imported where it is used: services load this module before anybody asks for a figure.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Floats = NDArray[np.float64]

LEVEL: Final = 0.95
#: Two draws with the same seed give the same interval.
SEED: Final = 20_261_128
#: Resamples that are drawn: more for a level that looks further out, so that so many lie beyond each bound.
_RESAMPLES: Final = (4_000, 40_000)
_BEYOND: Final = 50
#: How often as many pairs as are asked for settle it.
_POWER: Final = 0.8
#: From so many values on, the mean is as good as normal and nothing is drawn.
_MANY: Final = 10_000
#: Numbers that are drawn at once.
_DRAWN: Final = 4_000_000


class Interval(BaseModel):
    """An estimate from `n` values, and where the truth is: so surely as `level` says."""

    model_config = ConfigDict(frozen=True)

    n: int
    estimate: float
    lower: float
    upper: float
    level: float = LEVEL


def wilson(successes: int, n: int, *, level: float = LEVEL) -> Interval:
    """Wilson's score interval of a proportion. Raises `ValueError` where `successes` are not among `n` > 0."""
    from scipy.special import ndtri

    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"successes must be 0 to n, and n at least 1: got {successes} of {n}")
    z = float(ndtri((1 + level) / 2))
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # At either end the bound is the share itself, which rounding would miss.
    lower, upper = min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half))
    return Interval(n=n, estimate=share, lower=lower, upper=upper, level=level)


def mean_interval(
    values: Floats,
    *,
    bounds: tuple[float, float] | None,
    level: float = LEVEL,
    seed: int = SEED,
) -> Interval:
    """The mean of `values`, all of them finite and within `bounds`, where there are any. The same seed gives the
    same interval, in whatever order the values are. It holds the estimate.

    Raises `ValueError` for no values, for one that is not finite, and for one out of bounds.
    """
    from scipy.special import ndtri

    values = _sound(values, bounds)
    n, estimate = len(values), float(values.mean())
    guarded = values if bounds is None else np.append(values, bounds)
    if len(guarded) == 1:  # one value without bounds says nothing of how far others are
        return Interval(n=n, estimate=estimate, lower=-math.inf, upper=math.inf, level=level)
    tail = _tail(len(guarded), level)
    if n >= _MANY:
        half = float(-ndtri(tail) * guarded.std(ddof=1) / math.sqrt(len(guarded)))
        lower, upper = float(guarded.mean()) - half, float(guarded.mean()) + half
    else:
        least, most = _RESAMPLES
        resamples = min(most, max(least, math.ceil(_BEYOND / tail)))
        means = _resampled(guarded, resamples, np.random.default_rng(seed))
        lower, upper = (float(bound) for bound in np.quantile(means, [tail, 1 - tail]))
    return Interval(n=n, estimate=estimate, lower=min(lower, estimate), upper=max(upper, estimate), level=level)


def more_needed(interval: Interval, target: float, *, bounds: tuple[float, float] | None = None) -> int | None:
    """How many values more would take the interval off `target` four times of five, if the estimate stays what it is.

    `bounds` are those that the interval was made with: of more values the two made-up ones are a smaller part. At least
    1; null where no number would, for the estimate is the target.
    """
    from scipy.special import ndtri

    reach = float(ndtri((1 + interval.level) / 2))
    error = (interval.upper - interval.lower) / (2 * reach)
    distance = abs(interval.estimate - target)
    if not math.isfinite(error) or distance * 1e4 < error:  # more than a hundred million times as many
        return None
    made_up, spread = (0, 0.0) if bounds is None else (2, (bounds[1] - bounds[0]) ** 2 / 2)
    # n values vary by n * variance, the made-up ones by `spread`; so the error of their mean tells the variance.
    variance = max(0.0, (error * (interval.n + made_up)) ** 2 - spread) / interval.n
    # How many have half an error that is small enough: (n * variance + spread) / (n + made_up)^2 = small.
    small = (max(distance, 1e-12) / (reach + float(ndtri(_POWER)))) ** 2
    half = variance / (2 * small) - made_up
    wanted = half + math.sqrt(max(0.0, half * half + spread / small - made_up * made_up))
    return max(1, math.ceil(wanted) - interval.n)


def _sound(values: Floats, bounds: tuple[float, float] | None) -> Floats:
    values = np.sort(np.asarray(values, dtype=np.float64))
    if not len(values):
        raise ValueError("there are no values")
    if not np.isfinite(values).all():
        raise ValueError("values must be finite numbers")
    if bounds is not None and (values[0] < bounds[0] or values[-1] > bounds[1]):
        raise ValueError(f"values must be within {bounds[0]:g} and {bounds[1]:g}: got {values[0]:g} to {values[-1]:g}")
    return values


def _tail(n: int, level: float) -> float:
    """How much of the resampled means lies beyond each bound.

    A resampled mean varies by √((n - 1)/n) too little, and a normal quantile takes the deviation for known: both are
    made up for by a quantile further out.
    """
    from scipy.special import ndtr, stdtrit

    reach = math.sqrt(n / (n - 1)) * float(stdtrit(n - 1, (1 + level) / 2))
    return float(ndtr(-reach))


def _resampled(values: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    """The means of so many samples, each as large as `values` and drawn from them with replacement."""
    n = len(values)
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= max(3, n // 8):  # as where every answer is right or wrong: drawing how often costs less
        drawn: Any = rng.multinomial(n, counts / n, size=resamples)
        return np.asarray(drawn @ distinct / n)
    means = np.empty(resamples)
    at_once = max(1, _DRAWN // n)
    for start in range(0, resamples, at_once):
        rows = min(at_once, resamples - start)
        means[start : start + rows] = values[rng.integers(0, n, size=(rows, n), dtype=np.int32)].mean(axis=1)
    return means
