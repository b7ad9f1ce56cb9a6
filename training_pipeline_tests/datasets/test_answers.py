from __future__ import annotations

from pathlib import Path

from training_pipeline.datasets.answers import answer_counts
from training_pipeline.datasets.judged import texts
from training_pipeline.datasets.snapshot import included_rows, snapshot
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.testing.sheets.pairs import chat, open_sheet, pair


def test_the_answers_of_included_pairs_are_counted(tmp_path: Path) -> None:
    said = [*["Tax"] * 6, *[" Tax "] * 2, "Audit", "Post"]
    rows = [pair(place, messages=chat(f"What is number {place}?", answer)) for place, answer in enumerate(said)]
    opened = open_sheet([*rows, *(pair(place, status="rejected") for place in range(20, 25))])
    taken = snapshot(opened, GatePolicy(), directory=tmp_path)
    with texts(opened, GatePolicy()) as read:
        found = answer_counts(read, included_rows(taken, ["pair_id"])["pair_id"])
    assert (found.answers, found.different, found.most_frequent) == (10, 3, 8)
