"""Figures of one model, recomputed from the scores by other means."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from training_pipeline.models.evaluation.figures import LEAST, Slice, figures, slices
from training_pipeline.models.evaluation.metrics import METRICS
from training_pipeline.sft.scorers import score
from training_pipeline.testing.score_files import right, scores


def test_figures_are_what_numpy_and_scipy_say() -> None:
    rng = np.random.default_rng(1)
    rouge = rng.beta(3, 1, 200)
    table = scores(200, exact_match=right(200, 0.8), rouge_l=rouge, token_loss=[*rng.random(150), *[None] * 50])
    found = {each.metric: each.value for each in figures(table)}
    assert set(found) == {"exact_match", "rouge_l", "token_loss"}
    theirs = stats.binomtest(160, 200).proportion_ci(0.95, method="wilson")
    assert (found["exact_match"].lower, found["exact_match"].upper) == pytest.approx((theirs.low, theirs.high))
    assert found["token_loss"].n == 150
    drawn = stats.bootstrap((rouge,), np.mean, method="percentile", rng=2, n_resamples=5_000).confidence_interval
    assert found["rouge_l"].estimate == pytest.approx(rouge.mean())
    assert (found["rouge_l"].lower, found["rouge_l"].upper) == pytest.approx((drawn.low, drawn.high), abs=0.008)


def test_slices_have_as_many_pairs_as_say_something() -> None:
    few, many = LEAST - 1, LEAST + 5
    table = scores(
        few + many,
        exact_match=[1.0] * few + [0.0] * many,
        classification=["public"] * few + ["internal"] * many,
        length=["short"] * (few + many),  # it would only repeat the whole
    )
    assert [(str(of), len(rows)) for of, rows in slices(table)] == [("classification=internal", many)]
    found = figures(table)
    assert [(each.of, each.value.n) for each in found] == [
        (None, few + many),
        (Slice(by="classification", value="internal"), many),
    ]
    assert found[1].value.estimate == 0


def test_a_slice_counts_the_pairs_that_have_the_metric() -> None:
    table = scores(80, json_valid=[1.0] * 20 + [None] * 60, classification=["public"] * 40 + ["internal"] * 40)
    assert [(each.of, each.value.n) for each in figures(table)] == [(None, 20)]


def test_no_scores_have_no_figures() -> None:
    assert figures(scores(0, exact_match=pa.array([], pa.float64()))) == []


def test_what_the_training_program_scores_is_a_metric() -> None:
    assert set(score("{}", "{}")) <= set(METRICS)
