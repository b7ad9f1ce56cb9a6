"""What came of a judge is counted, and its scores are left out where they are no fair sample."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.sft.evaluation.judge_summary import summed_up

CELLS = (
    st.tuples(st.sampled_from([0.0, 1.0]), st.none())
    | st.tuples(st.none(), st.sampled_from(["classification", "slow", "no_verdict", "given_up"]))
    | st.just((0.0, "unanswered"))
)


def table_of(cells: list[tuple[float | None, str | None]], matches: list[float]) -> pa.Table:
    return pa.table(
        {
            "judged_right": pa.array([score for score, _ in cells], pa.float64()),
            "not_judged": pa.array([reason for _, reason in cells], pa.string()),
            "judged_by": pa.array([None if score is None else "m" for score, _ in cells], pa.string()),
            "exact_match": pa.array(matches, pa.float64()),
        }
    )


@settings(max_examples=60)
@given(st.lists(CELLS, max_size=40), st.lists(st.tuples(st.just(1.0), st.none()), max_size=40))
def test_every_answer_is_counted_once(
    drawn: list[tuple[float | None, str | None]], good: list[tuple[float | None, str | None]]
) -> None:
    cells = drawn + good
    matches = [float(number % 2) for number in range(len(cells))]
    table, told = summed_up(table_of(cells, matches))
    counts = Counter(reason for _, reason in cells)
    assert told["judged"] + told["unanswered"] + told["not_sent"] + sum(told["not_judged"].values()) == len(cells)
    assert (told["not_sent"], told["unanswered"]) == (counts["classification"], counts["unanswered"])
    agreed = [reason is None and score == match for (score, reason), match in zip(cells, matches, strict=True)]
    assert told["agreed"] == sum(agreed)
    failed = sum(counts[reason] for reason in ("slow", "no_verdict", "given_up"))
    sent = len(cells) - counts["classification"] - counts["unanswered"]
    assert (told["missing"] is None) == (sent + counts["unanswered"] > 0 and failed <= 0.1 * sent)
    if not sent and not counts["unanswered"]:
        assert told["missing"] == "classification"
    kept = table["judged_right"].to_pylist()
    assert kept == ([None] * len(cells) if told["missing"] else [score for score, _ in cells])
    if failed and told["missing"] and counts["slow"] + counts["no_verdict"]:
        assert told["missing"] in {"slow", "no_verdict"}


def test_what_was_never_sent_hides_no_failure() -> None:
    """It failed at six of ten answers; ninety questions have none, which exact match calls wrong as well."""
    cells: list[tuple[float | None, str | None]] = [(0.0, "unanswered")] * 90 + [(None, "slow")] * 6 + [(1.0, None)] * 4
    told = summed_up(table_of(cells, [0.0] * 100))[1]
    assert (told["missing"], told["judged"], told["unanswered"], told["agreed"]) == ("slow", 4, 90, 0)
