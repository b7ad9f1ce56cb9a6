"""Two models on the same pairs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.models.evaluation.paired import at_worst, compare
from training_pipeline.testing.models.score_files import right, scores

ANSWERS = st.lists(st.tuples(st.sampled_from([0.0, 1.0, None]), st.sampled_from([0.0, 1.0, None])), max_size=40)


@settings(max_examples=40, deadline=None)
@given(ANSWERS, st.randoms(use_true_random=False))
def test_wins_losses_and_ties_are_counted_pair_by_pair(
    answers: list[tuple[float | None, float | None]], random: object
) -> None:
    new = scores(len(answers), exact_match=[one for one, _ in answers])
    held = scores(len(answers), exact_match=[other for _, other in answers])
    order = list(range(len(answers)))
    random.shuffle(order)  # type: ignore[attr-defined]
    found = compare(new, held.take(pa.array(order, pa.int64())), ["exact_match"])
    both = [(one, other) for one, other in answers if one is not None and other is not None]
    if not both:
        assert found == []
        return
    (one,) = found
    assert (one.wins, one.losses) == (both.count((1.0, 0.0)), both.count((0.0, 1.0)))
    assert one.wins + one.losses + one.ties == one.difference.n == len(both)
    assert one.difference.estimate == pytest.approx((one.wins - one.losses) / len(both))
    (turned,) = compare(held, new, ["exact_match"])
    assert (turned.wins, turned.losses) == (one.losses, one.wins)


def test_less_loss_is_better() -> None:
    rng = np.random.default_rng(4)
    loss = rng.random(60)
    (found,) = compare(scores(60, token_loss=loss), scores(60, token_loss=loss + 2), ["token_loss"])
    assert (found.wins, found.is_better, found.is_worse) == (60, True, False)
    assert found.difference.estimate == pytest.approx(2)


def test_only_pairs_of_both_count() -> None:
    (found,) = compare(scores(50, exact_match=[1] * 50), scores(40, exact_match=[0] * 40), ["exact_match"])
    assert (found.wins, found.difference.n, found.unscored) == (40, 40, 0)
    (found,) = compare(scores(9, stopped=[None] * 2 + [1] * 7), scores(9, stopped=[1] * 8 + [None]), ["stopped"])
    assert (found.ties, found.unscored) == (6, 2)
    assert compare(scores(5, exact_match=[1] * 5), scores(5, rouge_l=[1] * 5), ["exact_match", "rouge_l"]) == []


def test_slices_are_compared_apart() -> None:
    kinds = ["public"] * 50 + ["internal"] * 50
    new = scores(100, exact_match=[1] * 50 + [0] * 50, classification=kinds)
    found = compare(new, scores(100, exact_match=right(100, 0.5)), ["exact_match"])
    assert [(str(each.of), each.is_better, each.is_worse) for each in found] == [
        ("None", False, False),
        ("classification=internal", False, True),
        ("classification=public", True, False),
    ]


def test_pairs_of_other_sheets_are_other_pairs() -> None:
    new = scores(3, exact_match=[1, 1, 1], training_sheet_id=["a", "a", "b"])
    held = scores(3, exact_match=[0, 0, 0], training_sheet_id=["a", "b", "b"])
    assert [each.difference.n for each in compare(new, held, ["exact_match"])] == [2]
    with pytest.raises(InvalidRequest, match="Only one of the two"):
        compare(new, held.drop_columns("training_sheet_id"), ["exact_match"])


def test_what_cannot_be_better_is_not_compared() -> None:
    with pytest.raises(InvalidRequest) as refused:
        compare(scores(1, answer_tokens=[1]), scores(1, answer_tokens=[2]), ["answer_tokens", "taste"])
    assert [problem.pointer for problem in refused.value.problems] == ["/metrics/answer_tokens", "/metrics/taste"]


JUDGED = st.lists(st.tuples(*[st.sampled_from([0.0, 1.0, None])] * 2, st.sampled_from([0.0, 1.0])), min_size=1)


@settings(max_examples=40, deadline=None)
@given(JUDGED)
def test_no_verdict_that_is_missing_could_be_worse_for_the_model(
    answers: list[tuple[float | None, float | None, float]],
) -> None:
    """Whatever the judge would have said of the answers that it said nothing of."""
    mine, theirs, would_be = ([each[place] for each in answers] for place in range(3))
    new, held = scores(len(mine), judged_right=mine), scores(len(mine), judged_right=theirs)
    found = at_worst(["judged_right", "exact_match"], new, held)
    if None not in (*mine, *theirs):
        assert found is None
        return
    assert found is not None
    (worst,) = compare(*found, ["judged_right"])
    said = [
        [guess if one is None else one for one, guess in zip(some, would_be, strict=True)] for some in (mine, theirs)
    ]
    said_of_mine, said_of_theirs = (scores(len(mine), judged_right=each) for each in said)
    (real,) = compare(said_of_mine, said_of_theirs, ["judged_right"])
    assert worst.difference.estimate <= real.difference.estimate + 1e-9
    assert worst.difference.n == len(mine)
