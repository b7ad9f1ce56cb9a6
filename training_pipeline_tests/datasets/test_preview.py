"""A preview shows what would be trained on and nothing else."""

from __future__ import annotations

from training_pipeline.datasets.preview import preview
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.testing.oracles import oracle
from training_pipeline.testing.sheets.pairs import chat, open_sheet, pair


def test_the_first_lines_that_pass_both_gates() -> None:
    rows = [pair(number) for number in (4, 3, 2, 1)]
    rows.append(pair(0, status="rejected", messages=chat("Secret?", "Secret.")))
    rows.append(pair(9, status="rejected", prohibited_uses=["training"], messages=pair(1)["messages"]))
    opened = open_sheet(rows)
    assert preview(opened, GatePolicy(), 2) == [oracle.example(pair(2)), oracle.example(pair(3))]
    assert len(preview(opened, GatePolicy(), 100)) == 3


def test_a_sheet_of_which_nothing_passes() -> None:
    assert preview(open_sheet([pair(1, status=None)]), GatePolicy(), 10) == []
