"""Exact subset sums: which of some sizes add up to the number closest to the wanted one.

Sums are bits of one big integer, so that adding an item to every subset at once is a shift (the classic dynamic
programme, Bellman 1957, as bit operations). Equal sizes are taken in powers of two, so that there are few items.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def nearest_subset(sizes: Integers, wanted: Fraction, *, most: int) -> Integers:
    """Indices into `sizes` (positive) whose sum is the closest to `wanted` of all sums from 1 to `most`.

    The smaller of two equally close sums; of equal sizes the first ones. There must be a size of at most `most`.
    Memory: 4 bytes for each possible sum, that is 4 times `most` over the sizes' greatest common divisor.
    """
    usable = np.flatnonzero(sizes <= most)
    values, copies = np.unique(sizes[usable], return_counts=True)
    unit = int(np.gcd.reduce(values))
    sought = _closest(wanted / unit, _Sums(most // unit, wanted / unit, values // unit, copies))
    return np.concatenate([usable[sizes[usable] == value * unit][:count] for value, count in sought.items()])


class _Sums:
    """All sums up to `most` that copies of `values` can reach, and the item by which each was first reached."""

    def __init__(self, most: int, wanted: Fraction, values: Integers, copies: Integers) -> None:
        self.reach = 1  # bit s is set where the sum s can be reached
        self.items = [
            (int(value), taken)
            for value, available in zip(values[::-1], copies[::-1], strict=True)
            for taken in _powers(min(int(available), most // int(value)))
        ]
        self.by = np.full(most + 1, -1, dtype=np.int32)
        within = (1 << (most + 1)) - 1
        exact = int(wanted) if wanted.denominator == 1 and 0 < wanted <= most else None
        for index, (value, taken) in enumerate(self.items):
            shifted = (self.reach << (value * taken)) & within
            new = shifted ^ (shifted & self.reach)
            if new:
                self.reach |= new
                self.by[_bits(new)] = index
            if exact is not None and self.reach >> exact & 1:
                break

    def counts(self, total: int) -> dict[int, int]:
        """How many of each value make up `total`: every item is used once, because each was reached by earlier ones."""
        used: dict[int, int] = {}
        while total:
            value, taken = self.items[self.by[total]]
            used[value] = used.get(value, 0) + taken
            total -= value * taken
        return used


def _powers(available: int) -> list[int]:
    """Numbers of copies (1, 2, 4, …, the rest) whose subsets make every number from 0 to `available`."""
    parts = []
    power = 1
    while available > 0:
        parts.append(min(power, available))
        available -= power
        power *= 2
    return parts


def _bits(number: int) -> Integers:
    """Positions of the set bits, looking closely only at the bytes that have any."""
    octets = np.frombuffer(number.to_bytes((number.bit_length() + 7) // 8, "little"), dtype=np.uint8)
    places = np.flatnonzero(octets)
    bits = np.unpackbits(octets[places], bitorder="little").reshape(-1, 8)
    row, column = np.nonzero(bits)
    return places[row] * 8 + column


def _closest(wanted: Fraction, sums: _Sums) -> dict[int, int]:
    base = max(floor(wanted), 0)
    low = (sums.reach & ((1 << (base + 1)) - 1)).bit_length() - 1  # at least 0: the empty sum, which does not count
    above = sums.reach >> (base + 1)
    high = base + (above & -above).bit_length() if above else None
    if high is None or (low > 0 and wanted - low <= high - wanted):
        return sums.counts(low)
    return sums.counts(high)
