"""How good estimates have been: each job's was made before it, so only from the jobs before."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from training_pipeline.domain.advice.interval import wilson
from training_pipeline.domain.estimate.duration import COVERAGE
from training_pipeline.domain.estimate.prices import LOCAL

#: Fewer jobs say nothing of how good estimates are.
LEAST: Final = 10


@dataclass(frozen=True, slots=True)
class Kind:
    """What jobs have in common whose durations say something of each other."""

    base_model: str
    method: str
    machine: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A succeeded job: how long it was estimated to train when it was created, and how long it did. Both above 0."""

    job_id: str
    model_name: str
    kind: Kind
    created_at: datetime
    middle: float
    low: float
    high: float
    seconds: float
    #: What the estimate rested on, in words.
    basis: str
    #: What it was estimated to cost, and in which currency.
    cost: float | None = None
    currency: str | None = None
    #: What the price list calls the machine.
    priced_as: str = LOCAL
    #: What Databricks billed.
    dbu: float | None = None

    @property
    def within(self) -> bool:
        """Whether it took as long as the interval says."""
        return self.low <= self.seconds <= self.high

    @property
    def error(self) -> float:
        """By which share of the actual duration the estimate was off: above 0 where it said too much."""
        return self.middle / self.seconds - 1


@dataclass(frozen=True, slots=True)
class Quality:
    """What the estimates of some jobs came to. Shares are null where there are fewer than `LEAST` jobs."""

    jobs: int
    within: int
    share: float | None
    #: The 95 % interval of the share.
    share_low: float | None
    share_high: float | None
    median_error: float | None
    #: The share that the intervals are to hold.
    coverage: float = COVERAGE


def quality(outcomes: Sequence[Outcome]) -> Quality:
    """What these estimates came to."""
    within = sum(each.within for each in outcomes)
    if len(outcomes) < LEAST:
        return Quality(len(outcomes), within, None, None, None, None)
    share = within / len(outcomes)
    low, high = wilson(share, len(outcomes))
    error = statistics.median(abs(each.error) for each in outcomes)
    return Quality(len(outcomes), within, share, low, high, error)


def by_kind(outcomes: Iterable[Outcome]) -> list[tuple[Kind, Quality]]:
    """The quality of each kind of job, that of the most jobs first."""
    kinds: dict[Kind, list[Outcome]] = {}
    for each in outcomes:
        kinds.setdefault(each.kind, []).append(each)
    found = [(kind, quality(some)) for kind, some in kinds.items()]
    return sorted(found, key=lambda pair: (-pair[1].jobs, pair[0].base_model, pair[0].method, pair[0].machine))
