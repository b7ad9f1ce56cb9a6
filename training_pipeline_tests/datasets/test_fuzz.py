"""A slice of `scripts/fuzz_sheets.py verdicts` and `datasets`: every verdict is the oracle's, sums are exact, nothing
is torn, and the order of the rows makes no difference.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training_pipeline.testing.oracles import dataset_oracle, oracle, split_oracle, text_oracle
from training_pipeline.testing.oracles.dataset_oracle import TOGETHER, alone, together
from training_pipeline.testing.sheets.random_sheets import random_asked, random_sheet, shuffled
from training_pipeline.testing.soak import examples

#: Its first sheets have no tags.
SEED = 11


@pytest.mark.parametrize("group", range(examples(1)))
def test_many_sheets_at_once_come_to_what_each_comes_to(tmp_path: Path, group: int) -> None:
    found = together(SEED, group, tmp_path)
    assert not found, f"scripts/fuzz_sheets.py verdicts --seed {SEED} --only {group} shows it again"


@pytest.mark.parametrize("number", range(examples(1)))
def test_a_sheet_by_the_public_way(tmp_path: Path, number: int) -> None:
    found = alone(SEED, number, tmp_path)
    assert not found, f"scripts/fuzz_sheets.py datasets --seed {SEED} --only {number} shows it again"


def test_sheets_are_those_of_their_numbers_and_have_everything_in_them() -> None:
    sheets = [random_sheet(SEED, number) for number in range(TOGETHER)]
    assert sheets == [random_sheet(SEED, number) for number in range(TOGETHER)]
    assert random_asked(SEED, 0).tags == ()
    reasons: Counter[str | None] = Counter()
    tied = nearly_tied = 0
    for rows in sheets:
        verdicts = oracle.judge(rows, [], 20)
        included = [row for row, (reason, _) in zip(rows, verdicts, strict=True) if reason is None]
        reasons.update(reason for reason, _ in verdicts)
        tied += len(split_oracle.ties(rows, included, 20)) < len(included)
        nearly_tied += len(split_oracle.ties(rows, included, 20, 0.8)) < len(split_oracle.ties(rows, included, 20))
    assert len(reasons) == 10, f"some reason was never given: {reasons}"
    assert reasons[None] > 300
    assert tied > 50
    assert nearly_tied > 5


def test_no_two_sheets_have_a_text_in_common() -> None:
    for number in range(0, 2000, 50):
        for row in random_sheet(SEED, number):
            for message in row["messages"] or ():
                said = text_oracle.loose(message["content"]) + (message.get("tool_calls") or "")
                assert message["role"] == "system" or not said or f"{number:07d}" in said


def spoiled(monkeypatch: pytest.MonkeyPatch, name: str, spoil: Any) -> None:
    sound = getattr(dataset_oracle, name)
    monkeypatch.setattr(dataset_oracle, name, lambda *args, **options: spoil(sound(*args, **options)))


def test_the_oracle_finds_a_pair_on_the_wrong_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flipped(plan: Any) -> Any:
        first = np.bincount(plan.component).argmax()
        turned = np.flatnonzero(plan.component == first)[0]
        validation = plan.validation.copy()
        validation[turned] = ~validation[turned]
        return replace(plan, validation=validation)

    spoiled(monkeypatch, "split_snapshot", flipped)
    found = together(SEED, 0, tmp_path, sheets=30)
    assert any(finding.startswith("torn: ") for finding in found)
    assert any(finding.startswith("torn_ties finds") for finding in found)


def test_the_oracle_finds_other_verdicts_and_sums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = oracle.judge

    def lenient(*args: Any) -> list[tuple[str | None, bool]]:
        return [(None if reason == "flagged" else reason, may) for reason, may in whole(*args)]

    monkeypatch.setattr(oracle, "judge", lenient)
    found = together(SEED, 0, tmp_path, sheets=30)
    assert any("should be included" in finding for finding in found)
    assert any(finding.startswith("the sums are") for finding in found)


def test_the_oracle_finds_that_the_order_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_oracle, "shuffled", lambda seed, rows: shuffled(seed, rows)[1:])
    assert any(finding.startswith("in another order") for finding in together(SEED, 0, tmp_path, sheets=30))
