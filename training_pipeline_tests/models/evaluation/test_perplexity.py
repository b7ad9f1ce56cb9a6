"""The perplexity: of all tokens alike, with an interval over pairs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.models.evaluation.answers import Answer, scored
from training_pipeline.models.evaluation.figures import figures
from training_pipeline.models.evaluation.perplexity import PERPLEXITY, perplexity

LOGPROBS = st.lists(st.floats(-12, 0), max_size=8)


def answered(logprobs: list[list[float]]) -> pa.Table:
    return scored(
        Answer(pair_id=f"p-{number}", expected="So.", answer="So.", logprobs=tuple(each))
        for number, each in enumerate(logprobs)
    )


@given(st.lists(LOGPROBS, min_size=1, max_size=12))
def test_every_token_counts_the_same(logprobs: list[list[float]]) -> None:
    found = {figure.metric: figure.value for figure in figures(answered(logprobs))}
    every = [one for each in logprobs for one in each]
    assert (PERPLEXITY in found) == bool(every)
    if every:
        value = found[PERPLEXITY]
        assert value.estimate == pytest.approx(math.exp(-np.mean(every)))
        assert 1 <= value.lower <= value.estimate <= value.upper
        assert value.n == sum(map(bool, logprobs))


def test_where_all_answers_are_as_long_it_is_that_of_the_mean_loss() -> None:
    table = answered([[-one / 10, -one / 5] for one in range(1, 40)])
    found = {figure.metric: figure.value for figure in figures(table) if figure.of is None}
    loss, value = found["token_loss"], found[PERPLEXITY]
    ends = [math.exp(end) for end in (loss.lower, loss.estimate, loss.upper)]
    assert [value.lower, value.estimate, value.upper] == pytest.approx(ends)


def test_the_interval_holds_it_where_long_answers_are_harder() -> None:
    rng, missed = np.random.default_rng(3), 0

    def drawn(n: int) -> dict[str, Any]:
        tokens = rng.geometric(0.05, n).astype(float)
        return {"token_loss": rng.lognormal(0, 0.7, n) * (0.5 + tokens / 40), "expected_tokens": tokens}

    many = drawn(1_000_000)
    truth = math.exp(np.average(many["token_loss"].clip(0, 12.5), weights=many["expected_tokens"]))
    for seed in range(100):
        value = perplexity(pa.table(drawn(60)), level=0.95, seed=seed)
        assert value is not None
        missed += not value.lower <= truth <= value.upper
    assert missed <= 10


def test_scores_without_token_counts_have_none() -> None:
    assert perplexity(pa.table({"token_loss": [1.0]}), level=0.95, seed=1) is None
    assert (
        perplexity(
            pa.table({"token_loss": pa.array([None], pa.float64()), "expected_tokens": [3.0]}), level=0.95, seed=1
        )
        is None
    )
