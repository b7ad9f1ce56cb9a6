from __future__ import annotations

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.sft.training.by_length import ByLength


@given(st.lists(st.integers(1, 50), max_size=120), st.integers(1, 12), st.integers(0, 9), st.integers(0, 3))
def test_every_example_comes_once_in_an_order_that_seed_and_epoch_decide(
    lengths: list[int], batch: int, seed: int, epoch: int
) -> None:
    first, again = (ByLength(lengths, seed=seed, batch=batch) for _ in range(2))
    assert len(first) == len(lengths)
    list(first)  # what was taken before does not change what comes
    for one in (first, again):
        one.set_epoch(epoch)
    order = list(first)
    assert sorted(order) == list(range(len(lengths)))
    assert order == list(again)


def test_batches_have_little_to_fill_up_and_neither_come_nor_meet_by_length_alone() -> None:
    chance = random.Random(1)
    lengths = [round(chance.lognormvariate(5, 0.5)) for _ in range(4001)]
    sampler = ByLength(lengths, seed=1, batch=8)
    order = list(sampler)
    batches = [order[start : start + 8] for start in range(0, 4000, 8)]
    room = sum(8 * max(lengths[place] for place in batch) for batch in batches)
    assert room < 1.08 * sum(lengths)
    longest = [max(lengths[place] for place in batch) for batch in batches]
    falls = sum(before > after for before, after in itertools.pairwise(longest))
    assert 200 < falls < 300
    sampler.set_epoch(1)
    met = {frozenset(batch) for batch in batches}
    next_order = list(sampler)
    assert sum(frozenset(next_order[start : start + 8]) in met for start in range(0, 4000, 8)) < 5
    assert order[-1] != next_order[-1]  # chance chooses the one that is left over
