from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.advice.facts import TokenLengths, family_of, whole
from training_pipeline.testing.jobs.advice_facts import facts

LENGTHS = st.lists(st.integers(1, 4000), min_size=1, max_size=200)


@given(lengths=LENGTHS, share=st.floats(0.01, 1), most=st.integers(1, 4000))
def test_lengths_are_counted_as_they_are(lengths: list[int], share: float, most: int) -> None:
    counted = TokenLengths.of(lengths)
    assert counted.examples == len(lengths)
    quantile = counted.quantile(share)
    assert quantile in lengths
    assert sum(length <= quantile for length in lengths) >= share * len(lengths) - 1e-6
    assert sum(length < quantile for length in lengths) < math.ceil(share * len(lengths) - 1e-9)
    assert counted.cut(most) == sum(length > most for length in lengths)
    assert counted.mean(most) == pytest.approx(float(np.minimum(lengths, most).mean()))


@given(lengths=LENGTHS, most=st.integers(1, 4000), batch=st.integers(1, 50))
def test_a_batch_is_filled_up_to_its_longest_example(lengths: list[int], most: int, batch: int) -> None:
    cut = sorted(min(length, most) for length in lengths)
    batches = [cut[first : first + batch] for first in range(0, len(cut), batch)]
    filled = sum(len(each) * max(each) for each in batches)
    counted = TokenLengths.of(lengths)
    assert counted.padded(most, batch) == pytest.approx(filled / len(lengths))
    assert counted.padded(most, 1) == pytest.approx(counted.mean(most))


def test_no_examples() -> None:
    empty = TokenLengths(counts={})
    assert (empty.examples, empty.quantile(0.99), empty.cut(1), empty.mean(9)) == (0, 0, 0, 0.0)
    assert empty.padded(9, 8) == 0.0


@pytest.mark.parametrize(
    ("name", "family"),
    [("llama", "llama"), ("meta-llama/Llama-3.1-8B", "llama"), ("qwen3", "qwen"), ("mistral", None), ("", None)],
)
def test_the_family_of_a_name(name: str, family: str | None) -> None:
    assert family_of(name) == family


def test_steps_need_counted_pairs() -> None:
    assert facts(train_pairs=801, epochs=2).steps == 2 * 101
    assert facts(train_pairs=None).steps is None
    with pytest.raises(AssertionError, match="auto"):
        whole("auto")
