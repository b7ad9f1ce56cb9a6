"""How long a training will take, from those before it: a regression of the log of seconds on the log of the work.

With few jobs the interval is that of Student's t and widens: what one job says of the next is little. From
`EMPIRICAL_FROM` jobs on it is that of the errors that were made on them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np

#: The share of trainings whose duration is to lie in the interval.
COVERAGE: Final = 0.8
EMPIRICAL_FROM: Final = 20

#: Before anything is seen: time grows with the work, give or take, and two like jobs differ by a third. As sure of that
#: as two jobs would make. Own rules of thumb; `bench/estimates.py` shows what they come to.
_SLOPE: Final = 1.0
_SLOPE_VARIANCE: Final = 1.0
_LEVEL_VARIANCE: Final = 1e6
_SPREAD: Final = 0.3
_JOBS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Past:
    """One training that has ended: its work, in whatever unit, and its seconds. Both are above 0."""

    work: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Seconds:
    """A duration: as likely longer as shorter, and the interval that holds `COVERAGE` of such trainings."""

    middle: float
    low: float
    high: float


def predict(past: Sequence[Past], work: float) -> Seconds:
    """How long this much work takes after these trainings; raises `ValueError` for none."""
    import numpy as np  # shown estimates need none, and it takes a command a tenth of a second to load

    if not past:
        raise ValueError("nothing is known of no trainings")
    known = np.log([job.work for job in past])
    took = np.log([job.seconds for job in past])
    centre, level = known.mean(), took.mean()
    design = np.column_stack([np.ones(len(past)), known - centre])
    # Normal and inverse gamma: the conjugate prior of a linear regression whose noise is not known.
    prior = np.diag([1 / _LEVEL_VARIANCE, 1 / _SLOPE_VARIANCE])
    before = np.array([0.0, _SLOPE])
    precision = prior + design.T @ design
    covariance = np.linalg.inv(precision)
    weights = covariance @ (prior @ before + design.T @ (took - level))
    errors = took - level - design @ weights
    freedom = _JOBS + len(past)
    pull = weights - before
    variance = (_JOBS * _SPREAD**2 + errors @ errors + pull @ prior @ pull) / freedom
    here = np.array([1.0, math.log(work) - centre])
    middle = float(level + here @ weights)
    if len(past) >= EMPIRICAL_FROM:
        leverage = np.einsum("ij,jk,ik->i", design, covariance, design)
        low, high = _of_errors(np.sort(errors / np.sqrt(np.clip(1 - leverage, 0.05, 1))))
        wider = math.sqrt(1 + here @ covariance @ here)
        low, high = low * wider, high * wider
    else:
        high = _student(freedom) * math.sqrt(variance * (1 + here @ covariance @ here))
        low = -high
    return Seconds(math.exp(middle), math.exp(middle + min(low, 0.0)), math.exp(middle + max(high, 0.0)))


def _of_errors(errors: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, float]:
    """The quantiles of sorted errors between which the next one falls with `COVERAGE`."""
    outside = (1 - COVERAGE) / 2 * (len(errors) + 1)
    first = max(0, math.floor(outside) - 1)
    return float(errors[first]), float(errors[len(errors) - 1 - first])


def _student(freedom: float) -> float:
    from scipy.special import stdtrit  # only where something is estimated: it takes a while

    return float(stdtrit(freedom, 1 - (1 - COVERAGE) / 2))
