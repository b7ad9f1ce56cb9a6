"""Groups of things that are connected, directly or through others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def connected(one: Integers, other: Integers, count: int) -> Integers:
    """The group of each of `count` things, where `one[i]` and `other[i]` are connected.

    Groups are numbered 0, 1, 2, … in the order of their first things.
    """
    from scipy.sparse import coo_array  # only where a split is made: it takes a while, and most processes make none
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(one), dtype=np.int8), (one, other)), shape=(count, count))
    groups, labels = connected_components(graph, directed=False)
    number = np.empty(groups, dtype=np.int64)
    number[np.argsort(first_rows(labels))] = np.arange(groups)
    numbered: Integers = number[labels]
    return numbered


def first_rows(group: Integers) -> Integers:
    """The first row of each group."""
    first = np.empty(int(group.max(initial=-1)) + 1, dtype=np.int64)
    first[group[::-1]] = np.arange(len(group))[::-1]
    return first
