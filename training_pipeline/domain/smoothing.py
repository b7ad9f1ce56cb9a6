"""Smoothing of a series: an exponential moving average that does not start at zero. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

#: The most that the past may weigh; at 1 nothing new would count.
MOST_SMOOTHING: Final = 0.999


def smoothed(values: Sequence[float], weight: float) -> list[float]:
    """The weighted mean of each value and all before it: one place earlier weighs `weight` times as much.

    The weights add up to one from the first value on, so a smoothed series starts where the series does and a constant
    one stays what it is.
    """
    found, total, weights = [], 0.0, 0.0
    for value in values:
        total = value + weight * total
        weights = 1.0 + weight * weights
        found.append(total / weights)
    return found
