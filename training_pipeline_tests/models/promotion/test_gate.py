"""The gate: what is shipped, what is not, and what nobody can say yet."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.models.promotion.gate import Decision, Finding, Verdict, decide, judge
from training_pipeline.models.promotion.requirements import Gate
from training_pipeline.testing.models.score_files import right, scores

ACCURACY = Gate(thresholds={"exact_match": 0.7}, margins={"exact_match": 0.05})
GOOD, BAD = (scores(400, exact_match=right(400, share)) for share in (0.9, 0.5))


def verdicts(decision: Decision) -> dict[str, Verdict]:
    return {finding.asked: finding.verdict for finding in decision.findings}


def test_a_good_model_is_shipped_over_none() -> None:
    found = judge(ACCURACY, GOOD, None)
    assert found.verdict is Verdict.SHIP
    assert found.more_pairs is None
    assert "exact_match is 0.9 (95 % interval 0.8667 to 0.9257, 400 pairs)" in found.findings[0].reason


def test_a_bad_model_is_not_shipped_over_a_good_one() -> None:
    found = judge(ACCURACY, BAD, GOOD)
    assert found.verdict is Verdict.DO_NOT_SHIP
    assert verdicts(found) == {
        "exact_match at least 0.7": Verdict.DO_NOT_SHIP,
        "exact_match worse by less than 0.05": Verdict.DO_NOT_SHIP,
        "no slice surely worse by more than the margin": Verdict.SHIP,
    }
    assert "losses" in found.findings[1].reason


def test_the_same_model_is_no_worse() -> None:
    assert judge(ACCURACY, GOOD, GOOD).verdict is Verdict.SHIP
    better = judge(Gate(margins={"exact_match": 0}), GOOD, GOOD)
    assert better.verdict is Verdict.NOT_ENOUGH_EVIDENCE
    assert better.more_pairs is None  # no number of pairs makes the same model better
    assert judge(Gate(margins={"exact_match": 0}), GOOD, BAD).verdict is Verdict.SHIP


@pytest.mark.parametrize("accuracy", [0.0, 0.5, 1.0])
def test_twenty_questions_settle_nothing(accuracy: float) -> None:
    few = scores(20, exact_match=right(20, accuracy))
    for held in (None, GOOD):
        found = judge(ACCURACY, few, held)
        assert found.verdict is Verdict.NOT_ENOUGH_EVIDENCE
        assert found.more_pairs is not None
        assert found.more_pairs >= 10


def test_an_interval_over_the_threshold_leaves_it_open() -> None:
    close = scores(100, exact_match=right(100, 0.75))
    found = judge(ACCURACY, close, None)
    assert found.verdict is Verdict.NOT_ENOUGH_EVIDENCE
    assert found.more_pairs is not None
    more = scores(100 + found.more_pairs, exact_match=right(100 + found.more_pairs, 0.75))
    assert judge(ACCURACY, more, None).verdict is Verdict.SHIP


def test_less_loss_passes_a_threshold() -> None:
    rng = np.random.default_rng(2)
    table = scores(300, token_loss=rng.lognormal(0, 0.5, 300))
    for most, verdict in [(1.5, Verdict.SHIP), (0.9, Verdict.DO_NOT_SHIP), (1.15, Verdict.NOT_ENOUGH_EVIDENCE)]:
        found = judge(Gate(thresholds={"token_loss": most}, margins={"token_loss": 0.1}), table, None)
        assert found.findings[0].asked == f"token_loss at most {most:g}"
        assert found.verdict is verdict


def test_a_slice_that_is_surely_worse_refuses_a_better_model() -> None:
    kinds = ["public"] * 360 + ["restricted"] * 40
    new = scores(400, exact_match=[1.0] * 360 + [0.0] * 40, classification=kinds)
    held = scores(400, exact_match=right(360, 0.7) + [1.0] * 40)
    found = judge(ACCURACY, new, held)
    assert found.verdict is Verdict.DO_NOT_SHIP
    assert [finding.asked for finding in found.findings if finding.verdict is not Verdict.SHIP] == [
        "no slice surely worse by more than the margin"
    ]
    assert "classification=restricted" in found.findings[2].reason


def test_what_is_worse_is_said_to_be_worse() -> None:
    held = scores(100, exact_match=right(100, 0.9))
    found = judge(Gate(margins={"exact_match": 0.05}), scores(100, exact_match=right(100, 0.5)), held)
    assert "exact_match is worse by 0.4 (95 % interval 0." in found.findings[0].reason
    same = judge(Gate(margins={"exact_match": 0.05}), held, held)
    assert "exact_match is better by 0 (95 % interval -0." in same.findings[0].reason


def test_of_many_slices_none_is_refused_by_chance() -> None:
    """Two models of one quality, and forty slices: some look worse, and none surely so."""
    rng = np.random.default_rng(6)
    labels = np.repeat([f"label-{number:02}" for number in range(40)], 40).tolist()
    gate = Gate(margins={"exact_match": 0})
    new, held = ((rng.random(1600) < 0.8).astype(float).tolist() for _ in range(2))
    found = judge(gate, scores(1600, exact_match=new, canonical_label_id=labels), scores(1600, exact_match=held))
    assert found.findings[1].verdict is Verdict.SHIP
    assert found.findings[1].reason == "none of 40 comparisons of slices that have enough pairs"


def test_what_is_not_measured_is_not_shipped() -> None:
    unscored = scores(400, rouge_l=[1.0] * 400)
    for held in (None, GOOD):
        found = judge(ACCURACY, unscored, held)
        assert found.verdict is Verdict.NOT_ENOUGH_EVIDENCE
    assert judge(Gate(margins={"exact_match": 0.05}), GOOD, unscored).verdict is Verdict.NOT_ENOUGH_EVIDENCE


def test_a_model_worse_by_exactly_the_margin_is_rarely_shipped() -> None:
    """Through the whole gate, and without slices: docs/evaluation.md has the table of all cases."""
    rng = np.random.default_rng(8)
    held = scores(100, exact_match=[1.0] * 100)
    gate = Gate(margins={"exact_match": 0.05})
    worse = [judge(gate, scores(100, exact_match=(rng.random(100) > 0.05).tolist()), held) for _ in range(150)]
    assert sum(found.verdict is Verdict.SHIP for found in worse) <= 0.08 * 150  # 4 % are expected
    assert all(found.more_pairs != 0 for found in worse)


@settings(max_examples=30)
@given(st.lists(st.sampled_from([*Verdict]), min_size=1, max_size=5))
def test_one_thing_missed_is_enough(found: list[Verdict]) -> None:
    decided = decide(tuple(Finding(asked="a", verdict=each, reason="b") for each in found)).verdict
    if Verdict.DO_NOT_SHIP in found:
        assert decided is Verdict.DO_NOT_SHIP
    else:
        assert (decided is Verdict.SHIP) == (set(found) == {Verdict.SHIP})


def test_what_asks_nothing_lets_nothing_through() -> None:
    with pytest.raises(ValueError, match="asks for something"):
        decide(())


@pytest.mark.parametrize("held", [None, scores(400, exact_match=[1.0] * 400, token_loss=[2.0] * 400)])
def test_a_model_without_a_score_on_most_of_the_suite_is_not_shipped(held: pa.Table | None) -> None:
    """As where its template refuses the hard questions, or they do not fit: what is left is easy for it."""
    most = scores(400, exact_match=[1.0] * 400, token_loss=[None] * 360 + [0.1] * 40)
    for asked in ({"margins": {"token_loss": 0.1}}, {"thresholds": {"token_loss": 1}, "margins": {"exact_match": 0.1}}):
        found = judge(Gate.model_validate(asked), most, held)
        assert found.verdict is Verdict.NOT_ENOUGH_EVIDENCE
        (open_one,) = [each for each in found.findings if each.verdict is not Verdict.SHIP]
        assert open_one.reason.startswith("on 360 of 400 pairs the model came to no score in token_loss")
        assert found.more_pairs is None
    whole = scores(400, exact_match=[1.0] * 400, token_loss=[0.1] * 400)
    assert judge(Gate(margins={"token_loss": 0.1}), whole, held).verdict is Verdict.SHIP


def test_what_is_surely_missed_on_the_rest_stays_so() -> None:
    bad = scores(400, exact_match=[1.0] * 400, token_loss=[None] + [9.0] * 399)
    held = scores(400, exact_match=[1.0] * 400, token_loss=[2.0] * 400)
    assert judge(Gate(margins={"token_loss": 0.1}), bad, held).verdict is Verdict.DO_NOT_SHIP


def test_a_metric_that_says_nothing_of_a_pair_holds_nothing_up() -> None:
    """No JSON is expected of half of the pairs, and the judge failed at a few."""
    columns = {"json_f1": [None] * 200 + [1.0] * 200, "judged_right": [None] * 8 + [1.0] * 392}
    new = scores(400, exact_match=[1.0] * 400, **columns)
    held = scores(400, exact_match=[1.0] * 400, json_f1=columns["json_f1"], judged_right=[1.0] * 400)
    for other in (None, held):
        assert judge(Gate(margins={"json_f1": 0.1, "judged_right": 0.1}), new, other).verdict is Verdict.SHIP


def test_a_judge_without_a_verdict_never_improves_a_model() -> None:
    """Of 1,000 pairs the model in use is right on 900, and the new one is wrong on 90 of these: the judge sees none."""
    held = [1.0] * 900 + [0.0] * 100
    mute = ["no_verdict"] * 90 + [None] * 910
    new = scores(1000, judged_right=[None] * 90 + held[90:], not_judged=mute)
    truly = scores(1000, judged_right=[0.0] * 90 + held[90:])
    others = scores(1000, judged_right=held)
    compared = Gate(margins={"judged_right": 0.02})
    assert judge(compared, truly, others).verdict is Verdict.DO_NOT_SHIP
    found = judge(compared, new, others)
    assert found.verdict is Verdict.NOT_ENOUGH_EVIDENCE
    assert "were the answers without a verdict of the judge to speak against it, against the model" in str(found)
    reached = Gate(thresholds={"judged_right": 0.85}, margins={"judged_right": 0.2})
    assert judge(reached, new, None).verdict is Verdict.NOT_ENOUGH_EVIDENCE
    # Of the model in use it might have said that they are right; few of them change nothing.
    silent = scores(1000, judged_right=[None] * 90 + held[90:])
    assert judge(compared, truly, silent).verdict is Verdict.NOT_ENOUGH_EVIDENCE
    few = scores(1000, judged_right=[None] * 3 + held[3:])
    assert judge(compared, few, others).verdict is Verdict.SHIP


def test_answers_that_the_judge_may_not_read_hold_nothing_up() -> None:
    kinds = ["classification"] * 500 + [None] * 500
    new = scores(1000, judged_right=[None] * 500 + [1.0] * 500, not_judged=kinds)
    gate = Gate(thresholds={"judged_right": 0.9}, margins={"judged_right": 0.02})
    for held in (None, new, scores(1000, judged_right=[1.0] * 1000)):
        assert judge(gate, new, held).verdict is Verdict.SHIP


def test_a_choice_that_only_the_model_in_use_made_is_missed() -> None:
    new = scores(400, exact_match=[1.0] * 400, choice_accuracy=[None] * 10 + [1.0] * 390)
    held = scores(400, exact_match=[1.0] * 400, choice_accuracy=[1.0] * 400)
    found = judge(Gate(margins={"choice_accuracy": 0.1}), new, held)
    assert found.verdict is Verdict.NOT_ENOUGH_EVIDENCE
    assert found.findings[0].reason.startswith("on 10 of 400 pairs")
