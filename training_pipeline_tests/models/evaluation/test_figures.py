"""Figures of one model, recomputed from the scores by other means."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats

from training_pipeline.models.evaluation.figures import LEAST, figures, slices
from training_pipeline.models.evaluation.metrics import METRICS
from training_pipeline.models.evaluation.scores import read_scores
from training_pipeline.models.evaluation.subsets import Slice
from training_pipeline.models.promotion.gate import Verdict, judge
from training_pipeline.models.promotion.requirements import Gate
from training_pipeline.sft.evaluation.scorers import score
from training_pipeline.testing.models.score_files import right, scores

DOCS: Final = Path(__file__).parents[3] / "docs"
#: A row of the table of trained models: suite, metric, model, better than, mean, lower, upper, pairs.
ROW: Final = re.compile(
    r"^\| (sheet-123|gsm8k) \| (\w+) \| (\w+) \| (\w* ?)\| (-?[\d.]+) \| (-?[\d.]+) to (-?[\d.]+) \| (\d+) \|$", re.M
)


def test_the_figures_of_the_docs_are_in_the_scores() -> None:
    """Recomputed without our intervals: Wilson's by SciPy, the others by SciPy's bootstrap or Student's t."""

    def scored(suite: str, model: str, metric: str) -> dict[str, float]:
        table = pq.read_table(DOCS / "scores" / f"{suite}-{model}.parquet", columns=["pair_id", metric])
        return dict(zip(*(table[name].to_pylist() for name in ("pair_id", metric)), strict=True))

    found: list[Any] = ROW.findall((DOCS / "evaluation.md").read_text(encoding="utf-8"))
    assert len(found) == 20
    for suite, metric, model, over, *told, pairs in found:
        values = scored(suite, model, metric)
        if beside := over.strip():
            theirs = scored(suite, beside, metric)
            assert values.keys() == theirs.keys()
            sign = -1 if METRICS[metric].better == "lower" else 1
            values = {pair: sign * (value - theirs[pair]) for pair, value in values.items()}
        mean, lower, upper = map(float, told)
        array = np.array([*values.values()])
        assert (len(array), float(f"{array.mean():.4g}")) == (int(pairs), mean)
        if METRICS[metric].is_proportion and not beside:
            ends = stats.binomtest(int(array.sum()), len(array)).proportion_ci(0.95, method="wilson")
            assert (float(f"{ends.low:.4g}"), float(f"{ends.high:.4g}")) == (lower, upper)
        elif array.any():
            bounds = METRICS[metric].reach if beside else METRICS[metric].bounds
            assert bounds is not None
            array = np.append(array, bounds)  # the two made-up pairs that the docs speak of
            drawn = stats.bootstrap((array,), np.mean, method="percentile", rng=2, n_resamples=2_000)
            ends = drawn.confidence_interval
            near = 0.2 * (ends.high - ends.low) / 2 + 1 / len(array)
            assert (lower, upper) == pytest.approx((ends.low, ends.high), abs=near)
        else:  # a tie on every pair: at most three of as many could differ and not be seen
            assert max(abs(lower), upper) == pytest.approx(1 - 0.05 ** (1 / len(array)), rel=0.05)


def test_the_gate_says_of_the_scores_what_the_docs_say() -> None:
    table = {path.stem: read_scores(path) for path in (DOCS / "scores").glob("*.parquet")}

    def verdict(new: str, held: str | None, **gate: Any) -> Verdict:
        return judge(Gate(**gate), table[new], None if held is None else table[held]).verdict

    triage: dict[str, Any] = {"margins": {"exact_match": 0.05}, "thresholds": {"exact_match": 0.5}}
    assert verdict("sheet-123-good", None, **triage) is Verdict.SHIP
    assert verdict("sheet-123-bad", "sheet-123-good", **triage) is Verdict.DO_NOT_SHIP
    assert verdict("gsm8k-good", None, margins={"bits_per_byte": 0.05}) is Verdict.SHIP
    assert verdict("gsm8k-bad", "gsm8k-good", margins={"bits_per_byte": 0.05}) is Verdict.DO_NOT_SHIP
    chosen = judge(Gate(margins={"choice_accuracy": 0.05}), table["gsm8k-bad"], table["gsm8k-good"])
    assert (chosen.verdict, chosen.findings[0].verdict, chosen.findings[0].more_pairs) == (
        Verdict.DO_NOT_SHIP,
        Verdict.NOT_ENOUGH_EVIDENCE,
        8332,
    )
    assert chosen.findings[1].reason.startswith("length=17 to 64 words: choice_accuracy is worse by")
    few = table["sheet-123-good"].slice(0, 20)
    assert judge(Gate(**triage), few, None).verdict is Verdict.NOT_ENOUGH_EVIDENCE
    loss = np.array(table["gsm8k-base"]["token_loss"]), np.array(table["gsm8k-good"]["token_loss"])
    assert [round(math.exp(each.mean())) for each in loss] == [998, 12]


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


def test_no_loss_counts_as_more_than_that_of_a_model_that_knows_nothing() -> None:
    table = scores(40, token_loss=[0.5] * 20 + [900.0] * 20, bits_per_byte=[1.0] * 20 + [300.0] * 20)
    found = {each.metric: each.value for each in figures(table)}
    assert (found["token_loss"].estimate, found["bits_per_byte"].estimate) == (6.5, 4.5)


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


def test_a_source_sheet_is_a_slice_where_several_training_sheets_were_made_from_it() -> None:
    sheets = [("one", "invoices"), ("two", "invoices"), ("three", "letters")]
    named = {
        name: [each[place] for each in sheets for _ in range(LEAST)]
        for place, name in enumerate(("training_sheet_id", "sheet_id"))
    }
    found = [str(of) for of, _ in slices(scores(3 * LEAST, exact_match=[1.0] * 3 * LEAST, **named))]
    assert found == [*(f"training_sheet_id={name}" for name in ("one", "three", "two")), "sheet_id=invoices"]


def test_a_slice_counts_the_pairs_that_have_the_metric() -> None:
    table = scores(80, json_valid=[1.0] * 20 + [None] * 60, classification=["public"] * 40 + ["internal"] * 40)
    assert [(each.of, each.value.n) for each in figures(table)] == [(None, 20)]


def test_no_scores_have_no_figures() -> None:
    assert figures(scores(0, exact_match=pa.array([], pa.float64()))) == []


def test_what_the_training_program_scores_is_a_metric() -> None:
    assert set(score("{}", "{}")) <= set(METRICS)
