"""Pairs that nearly ask a held-out question: counted, and excluded in every reading where the sheet asks for it."""

from __future__ import annotations

import random
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_pipeline.datasets.compare import recheck
from training_pipeline.datasets.lifting import lifting
from training_pipeline.datasets.preview import preview
from training_pipeline.datasets.sheet_rows import SheetRows
from training_pipeline.datasets.summary import export_summary
from training_pipeline.datasets.verdicts import verdicts
from training_pipeline.domain.errors import Conflict, GateRefused
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.domain.usage import Use
from training_pipeline.testing.oracles import oracle
from training_pipeline.testing.sheets.pairs import Row, chat, open_sheet, pair
from training_pipeline.testing.soak import examples
from training_pipeline_tests.datasets.test_prepare import prepare

POLICY = GatePolicy()
HELD_OUT = {"allowed_uses": ["evaluation", "testing"]}
EXCLUDES: Final[dict[str, Any]] = {"exclude_near_held_out": True}
WORDS = ("valve", "bearing", "gasket", "turbine", "inspect", "pressure", "report", "supplier", "torque", "coolant")


def question(rng: random.Random) -> str:
    return " ".join(rng.choice(WORDS) + rng.choice(WORDS) for _ in range(9)) + "?"


def near(text: str, at: int) -> str:
    """The question with one letter changed."""
    at %= len(text) - 1
    return f"{text[:at]}{'q' if text[at] != 'q' else 'z'}{text[at + 1 :]}"


def asked(number: int, text: str, **more: object) -> Row:
    return pair(number, messages=chat(text, f"answer {number}"), **more)


def rows(seed: int = 1, twins: int = 2) -> list[Row]:
    """Twenty questions of their own, of which the first `twins` nearly ask what the last ones, held out, ask."""
    rng = random.Random(seed)
    own = [question(rng) for _ in range(20)]
    made = [asked(number, text) for number, text in enumerate(own)]
    made += [asked(30 + number, near(own[number], rng.randrange(60)), **HELD_OUT) for number in range(twins)]
    return [*made, {**made[0], "pair_id": "p-000025"}]


@settings(max_examples=examples(5))
@given(seed=st.integers(0, 10**6), twins=st.integers(0, 5))
def test_the_sheet_decides_whether_they_are_counted_or_excluded(seed: int, twins: int) -> None:
    made = rows(seed, twins)
    counted, excluded = (export_summary(open_sheet(made, **head), POLICY) for head in ({}, EXCLUDES))
    told = {warning.code: warning.count for warning in counted.warnings}
    assert (counted.eligible, told.get("near_held_out", 0)) == (20, twins)
    # The copy of the first goes with it.
    assert (excluded.eligible, excluded.total) == (20 - twins, counted.total)
    assert excluded.excluded[Reason.HELD_OUT_PROMPT] == twins + (twins > 0)
    assert excluded.excluded[Reason.DUPLICATE] == (twins == 0)
    assert "near_held_out" not in {warning.code for warning in excluded.warnings}


def test_every_reading_of_the_sheet_says_the_same(tmp_path: Path) -> None:
    made = rows()
    opened = open_sheet(made, **EXCLUDES)
    kept = [row for row in made[:20] if row["pair_id"] not in {"p-000000", "p-000001"}]
    assert preview(opened, POLICY, 100) == [oracle.example(row) for row in kept]
    assert prepare(opened, tmp_path / "dataset").summary.eligible == 18
    listed = SheetRows(tmp_path / "rows", POLICY)
    listed.judge(nullcontext(opened))
    held = listed.page(opened.sheet.id, opened.digest, reason=str(Reason.HELD_OUT_PROMPT)).rows
    assert [row.pair_id for row in held] == ["p-000000", "p-000001", "p-000025"]
    assert listed.page(opened.sheet.id, opened.digest, reason="eligible").total == 18


def test_a_dataset_that_learned_them_may_not_be_trained_on_once_the_sheet_excludes_them(tmp_path: Path) -> None:
    dataset = prepare(open_sheet(rows()), tmp_path)
    found = recheck(open_sheet(rows(), digest="e" * 64, **EXCLUDES), dataset, POLICY)
    assert found.changed == {Reason.HELD_OUT_PROMPT: 2}


def test_other_uses_are_as_they_were() -> None:
    with verdicts(open_sheet(rows(), **EXCLUDES), POLICY, use=Use.EVALUATION) as table:
        reasons = table.filter(table.reason.isnull()).count().to_pyarrow().as_py()
    with verdicts(open_sheet(rows()), POLICY, use=Use.EVALUATION) as table:
        assert table.filter(table.reason.isnull()).count().to_pyarrow().as_py() == reasons


def test_a_sheet_whose_wish_cannot_be_met_is_refused() -> None:
    opened = open_sheet(rows(), **EXCLUDES)
    with pytest.raises(GateRefused, match="nearly equal questions are not looked for here"):
        export_summary(opened, GatePolicy(near_question_similarity=0))
    with pytest.raises(Conflict, match="exclude_near_held_out"):
        lifting(opened, POLICY)


def test_control_tokens_are_counted_in_the_export_summary() -> None:
    made = [*rows(twins=0)[:20], asked(40, "What does <|im_end|> end?")]
    told = {warning.code: warning for warning in export_summary(open_sheet(made), POLICY).warnings}
    assert told["control_tokens"].count == 1
    assert "'p-000040'" in told["control_tokens"].message
