"""Train and validation: what is tied together stays on one side, and the ratio is the closest that this allows.

Numpy and scipy only. Rows are the included pairs in the order of their pair ids; nothing here depends on the order in
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
from training_pipeline.domain.rules.components import Integers, connected
from training_pipeline.domain.rules.subset_sum import nearest_subset
from training_pipeline.domain.split_report import SplitReport


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """The side of every included pair, in the order of the pair ids."""

    #: int64: number of the component, counted in the order of its first pair.
    component: Integers
    #: bool: in validation; else in train.
    validation: NDArray[np.bool_]
    report: SplitReport


def tie(keys: Sequence[Integers], several: Sequence[tuple[Integers, Integers]] = ()) -> Integers:
    """Number the groups of rows that are tied together by any of `keys`, directly or through others.

    Each array of `keys` has one code a row: rows with the same code are tied, a negative code ties nothing.
    Of keys that a row may have `several` of, each has the rows and their codes, none negative. Returns
    int64: 0, 1, 2, … in the order of each group's first row.
    """
    n = len(keys[0])
    edges: list[Integers] = []
    for tied, codes in [*((np.flatnonzero(codes >= 0), codes[codes >= 0]) for codes in keys), *several]:
        first = np.zeros(int(codes.max(initial=-1)) + 1, dtype=np.int64)
        first[codes[::-1]] = tied[::-1]  # written backwards, so that the first row of each code stays
        other = first[codes]
        edges.append(np.stack([tied, other])[:, tied != other])
    start, end = np.concatenate(edges, axis=1)
    return connected(start, end, n)


@dataclass(frozen=True, slots=True)
class Before:
    """What was done with each row before, in the predecessor of the split or before that."""

    #: bool: once trained on.
    trained: NDArray[np.bool_]
    #: bool: once validated on, and never trained on.
    validated: NDArray[np.bool_]


def least_of(component: Integers, numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The least number of each component's rows."""
    least = np.full(int(component.max(initial=-1)) + 1, np.iinfo(np.uint64).max)
    np.minimum.at(least, component, numbers)
    return least


def plan_split(
    component: Integers,
    order: NDArray[np.uint64],
    may_validate: NDArray[np.bool_],
    *,
    ratio: float,
    seed: str,
    before: Before | None = None,
) -> SplitPlan:
    """Choose the components that go to validation. The same arguments give the same plan.

    A component with a pair that may not be used for validation goes to train, and so does one with a pair that was
    trained on `before`; of the others, one with a pair that was validated on stays in validation. The rest is new:
    `order` has one number a component, and they are tried in its order, of equal ones the component that comes first.
    `ratio` is the share of train, strictly between 0 and 1. Where two sizes of validation are equally close to the
    requested one, the smaller one is taken: more is trained on. Raises `SplitRefused` where no split has two non-empty
    sides.
    """
    n = len(component)
    sizes = np.bincount(component).astype(np.int64)
    barred = _with_any(component, ~may_validate)
    if before is None:
        train, chosen = barred, np.zeros(len(sizes), dtype=bool)
    else:
        train = barred | _with_any(component, before.trained)
        chosen = _with_any(component, before.validated) & ~train
    free = np.argsort(order, kind="stable")
    free = free[~(train | chosen)[free]]
    kept = int(sizes[chosen].sum())
    _refuse_hopeless(n, sizes, barred, train, kept)

    wanted = (1 - Fraction(str(ratio))) * n - kept
    chosen[free[_choose(sizes[free], wanted, least=0 if kept else 1, most=n - 1 - kept)]] = True
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


def _with_any(component: Integers, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The components that have any of `rows`."""
    found = np.zeros(int(component.max(initial=-1)) + 1, dtype=bool)
    found[component[rows]] = True
    return found


def _refuse_hopeless(n: int, sizes: Integers, barred: NDArray[np.bool_], train: NDArray[np.bool_], kept: int) -> None:
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
            "question.",
        )
    if train.all():
        raise SplitRefused(
            f"The validation split would be empty: all {n} pairs were trained on before or may not be used for "
            f"validation, or are tied to such pairs.",
            hint="Add pairs on other items, or ask for a fresh split (`fresh_split`), which validates on pairs that an "
            "earlier model was trained on.",
        )
    if kept == n:
        raise SplitRefused(
            f"The training split would be empty: all {n} pairs were validated on before.",
            hint="Add pairs on other items, or ask for a fresh split (`fresh_split`).",
        )
    if len(sizes) == 1:
        raise SplitRefused(
            f"One side of the split would be empty: all {n} pairs are tied together by shared items, canonical labels "
            f"or questions, and tied pairs must be in the same split.",
            hint="Add pairs on other items, or check whether `item_ref` and `canonical_label_id` are correct. "
            "A prompt used for many items ties no pairs: see TRAINING_PIPELINE_INSTRUCTION_PROMPT_ITEMS.",
        )


def _choose(sizes: Integers, wanted: Fraction, *, least: int, most: int) -> Integers:
    """Indices into `sizes` whose sum is the closest to `wanted` from `least`, which is 0 or 1, to `most`."""
    target = min(max(ceil(wanted - Fraction(1, 2)), least), most)  # a half is rounded down: more is trained on
    greedy = _greedy(sizes, target)
    reached = int(sizes[greedy].sum())
    if reached == target:
        return greedy
    if not reached and least:  # every size is above the target, so the smallest alone is the closest
        return np.array([np.argmin(sizes)])
    furthest = min(most, floor(wanted + abs(wanted - reached)))
    if not (sizes <= furthest).any():
        return greedy
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
