"""Which components nearly equal questions tie together, without letting a chain of them swallow the sheet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training_pipeline.domain.rules.components import Integers, connected
from training_pipeline.domain.rules.near.questions import NearPairs

#: A group of nearly equal questions that would hold more than this share of the pairs, and more than so many of them,
#: is tightened: its questions must be more similar, step by step.
LARGEST_SHARE: Final = 0.05
LARGEST_PAIRS: Final = 20
#: One that holds more than that share and more than so many pairs in the end is told of: in a small sheet it stays.
TOLD_PAIRS: Final = 5
TIGHTER: Final = (0.85, 0.9, 0.95)


@dataclass(frozen=True, slots=True)
class NearTies:
    """Components, in the order of their first rows, after nearly equal questions tied some of them together."""

    component: Integers
    #: Rows that are tied to others by a nearly equal question.
    tied: int
    #: Groups that were tightened, and how many hold more than `LARGEST_SHARE` nevertheless.
    tightened: int
    too_large: int


def tie_nearly(component: Integers, near: NearPairs) -> NearTies:
    """Tie the components of rows with nearly equal questions; `near` has numbers of rows.

    `component` is numbered in the order of first rows. The size of a component that is too large before anything is
    tied counts as nothing, so that it can still be tied to others.
    """
    sizes = np.bincount(component).astype(np.int64)
    largest = max(int(len(component) * LARGEST_SHARE), LARGEST_PAIRS)
    own = np.where(sizes > largest, 0, sizes)
    one, other = component[near.first], component[near.second]
    apart = one != other
    one, other, similarity = one[apart], other[apart], near.similarity[apart]
    group = connected(one, other, len(sizes))
    tightened = int(_too_large(group, own, largest).sum())
    for least in TIGHTER:
        too_large = _too_large(group, own, largest)
        if not too_large.any():
            break
        keep = ~too_large[group[one]] | (similarity >= least)
        one, other, similarity = one[keep], other[keep], similarity[keep]
        group = connected(one, other, len(sizes))
    told = max(int(len(component) * LARGEST_SHARE), TOLD_PAIRS)
    return NearTies(
        component=group[component],
        tied=int(sizes[np.bincount(group)[group] > 1].sum()),
        tightened=tightened,
        too_large=int(_too_large(group, np.where(sizes > told, 0, sizes), told).sum()),
    )


def _too_large(group: Integers, sizes: Integers, largest: int) -> NDArray[np.bool_]:
    """The groups of several components that are too large."""
    several = np.bincount(group) > 1
    held: NDArray[np.bool_] = several & (np.bincount(group, weights=sizes) > largest)
    return held
