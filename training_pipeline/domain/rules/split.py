"""Train and validation: what is tied together stays on one side, and the ratio is the closest that this allows.

Pure numpy and scipy. Rows are the included pairs in the order of their pair ids; nothing here depends on the order in
which a source happened to return them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from training_pipeline.domain.errors import SplitRefused
from training_pipeline.domain.rules.subset_sum import nearest_subset
from training_pipeline.domain.split_report import SplitReport

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """The side of every included pair, in the order of the pair ids."""

    #: int64: number of the component, counted in the order of its first pair.
    component: Integers
    #: bool: in validation; else in train.
    validation: NDArray[np.bool_]
    report: SplitReport


def tie(keys: Sequence[Integers], several: Sequence[tuple[Integers, Integers]] = ()) -> Integers:
    """Number the groups of rows that are tied together by any of `keys`, directly or through others. Pure.

    Each array of `keys` has one code a row: rows with the same code are tied, a negative code ties nothing.
    Of keys that a row may have `several` of, each has the rows and their codes, none negative. Returns
    int64: 0, 1, 2, … in the order of each group's first row.
    """
    from scipy.sparse import coo_array  # only where a split is made: it takes a while, and most processes make none
    from scipy.sparse.csgraph import connected_components

    n = len(keys[0])
    rows = np.arange(n)
    edges: list[Integers] = []
    for tied, codes in [*((np.flatnonzero(codes >= 0), codes[codes >= 0]) for codes in keys), *several]:
        first = np.zeros(int(codes.max(initial=-1)) + 1, dtype=np.int64)
        first[codes[::-1]] = tied[::-1]  # written backwards, so that the first row of each code stays
        other = first[codes]
        edges.append(np.stack([tied, other])[:, tied != other])
    start, end = np.concatenate(edges, axis=1)
    graph = coo_array((np.ones(len(start), dtype=np.int8), (start, end)), shape=(n, n))
    count, labels = connected_components(graph, directed=False)
    first = np.empty(count, dtype=np.int64)
    first[labels[::-1]] = rows[::-1]
    number = np.empty(count, dtype=np.int64)
    number[np.argsort(first)] = np.arange(count)
    numbered: Integers = number[labels]
    return numbered


def first_rows(component: Integers) -> Integers:
    """The first row of each component. Pure."""
    first = np.empty(int(component.max(initial=-1)) + 1, dtype=np.int64)
    first[component[::-1]] = np.arange(len(component))[::-1]
    return first


def plan_split(
    component: Integers, order: NDArray[np.uint64], may_validate: NDArray[np.bool_], *, ratio: float, seed: str
) -> SplitPlan:
    """Choose the components that go to validation. Pure; the same arguments give the same plan.

    `order` has one number a component: they are tried in its order, of equal ones the component that comes first.
    A component with a pair that may not be used for validation goes to train. `ratio` is the share of train, strictly
    between 0 and 1. Where two sizes of validation are equally close to the requested one, the smaller one is taken:
    more is trained on. Raises `SplitRefused` where no split has two non-empty sides.
    """
    n = len(component)
    sizes = np.bincount(component).astype(np.int64)
    barred = np.zeros(len(sizes), dtype=bool)
    barred[component[~may_validate]] = True
    free = np.argsort(order, kind="stable")
    free = free[~barred[free]]
    _refuse_hopeless(n, sizes, barred)

    wanted = (1 - Fraction(str(ratio))) * n
    chosen = np.zeros(len(sizes), dtype=bool)
    chosen[free[_choose(sizes[free], wanted, most=n - 1)]] = True
    validation = chosen[component]
    count = int(validation.sum())
    report = SplitReport(
        requested_ratio=ratio,
        achieved_ratio=(n - count) / n,
        train=n - count,
        validation=count,
        components=len(sizes),
        largest_component=int(sizes.max()),
        kept_from_validation=int(sizes[barred].sum()),
        seed=seed,
    )
    return SplitPlan(component=component, validation=validation, report=report)


def _refuse_hopeless(n: int, sizes: Integers, barred: NDArray[np.bool_]) -> None:
    if n < 2:
        raise SplitRefused(
            f"{n} pair(s) may be trained on, but a split needs at least 2: one for training and one for validation.",
            hint="Review more pairs of this training sheet.",
        )
    if barred.all():
        raise SplitRefused(
            f"The validation split would be empty: of {n} pairs, none may be used for validation, or all are tied to "
            f"pairs that may not.",
            hint="Allow `validation` for some pairs (`allowed_uses`), or check what ties them: item, canonical label, "
            "prompt.",
        )
    if len(sizes) == 1:
        raise SplitRefused(
            f"One side of the split would be empty: all {n} pairs are tied together by shared items, canonical labels "
            f"or prompts, and tied pairs must be in the same split.",
            hint="Add pairs on other items, or check whether `item_ref` and `canonical_label_id` are correct. "
            "A prompt used for many items ties no pairs: see TRAINING_PIPELINE_INSTRUCTION_PROMPT_ITEMS.",
        )


def _choose(sizes: Integers, wanted: Fraction, *, most: int) -> Integers:
    """Indices into `sizes` whose sum is the closest to `wanted` from 1 to `most`."""
    target = min(max(ceil(wanted - Fraction(1, 2)), 1), most)  # a half is rounded down: more is trained on
    greedy = _greedy(sizes, target)
    reached = int(sizes[greedy].sum())
    if reached == target:
        return greedy
    if not reached:  # every size is above the target, so the smallest alone is the closest
        return np.array([np.argmin(sizes)])
    furthest = min(most, floor(wanted + abs(wanted - reached)))
    best = nearest_subset(sizes, wanted, most=furthest)
    return greedy if abs(sizes[best].sum() - wanted) >= abs(reached - wanted) else best


def _greedy(sizes: Integers, room: int) -> Integers:
    """Take what fits, in order, skipping what does not: indices into `sizes` with a sum of at most `room`."""
    taken: list[Integers] = []
    left = np.arange(len(sizes))
    while True:
        left = left[sizes[left] <= room]
        if not len(left):
            return np.concatenate([np.empty(0, dtype=np.int64), *taken])
        fits = int(np.searchsorted(np.cumsum(sizes[left]), room, side="right"))
        taken.append(left[:fits])
        room -= int(sizes[left[:fits]].sum())
        left = left[fits:]
