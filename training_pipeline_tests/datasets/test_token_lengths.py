from __future__ import annotations

from pathlib import Path
from typing import Any

from training_pipeline.backends.plan import Plan
from training_pipeline.backends.rehearsal import Rehearsal
from training_pipeline.backends.submission import Submission
from training_pipeline.datasets import token_lengths
from training_pipeline.datasets.token_lengths import sheet_lengths
from training_pipeline.domain.advice.facts import TokenLengths
from training_pipeline.domain.revocations import Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet

POLICY = GatePolicy()
PLAN = Plan(base_model="/models/known", config=TrainingConfig())


class Counting:
    """A backend whose tokenizer makes a token of each byte of a line."""

    def __init__(self, *, works: bool = True) -> None:
        self.works = works
        self.read: list[str] = []

    def tokenizer(self, base_model: str) -> str | None:
        return base_model if base_model.startswith("/") else None

    def rehearse(self, submission: Submission) -> Rehearsal:
        for file in (submission.train_file, submission.validation_file):
            self.read += file.read_text().splitlines()
        return Rehearsal(lengths=TokenLengths.of(map(len, self.read)) if self.works else None)


def measured(tmp_path: Path, backend: Any, plan: Plan = PLAN, **named: Any) -> token_lengths.SheetLengths:
    pairs = rows(12)
    pairs[0] |= {"status": "rejected", "messages": [{"role": "user", "content": "x" * 4000}]}
    pairs[1]["messages"][0]["content"] = "Ä" * 400
    write_sheet(tmp_path, "small", pairs)
    with FileTrainingSheets([tmp_path]).open("small") as opened:
        return sheet_lengths(opened, POLICY, backend, plan, **named)


def test_a_tokenizer_that_is_here_reads_what_would_be_trained_on_and_nothing_else(tmp_path: Path) -> None:
    backend = Counting()
    found = measured(tmp_path, backend)
    assert (found.is_estimate, found.pairs, found.eligible) == (False, 11, 11)
    assert found.lengths == TokenLengths.of(map(len, backend.read))
    assert not any("xxxx" in line for line in backend.read)
    assert all(line.startswith('{"messages":') for line in backend.read)


def test_of_many_pairs_a_sample_is_read(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(token_lengths, "MOST_READ", 5)
    found = measured(tmp_path, Counting())
    assert (found.pairs, found.eligible) == (5, 11)
    assert measured(tmp_path, Counting()) == found


def test_else_characters_are_counted_and_it_says_so(tmp_path: Path) -> None:
    named = Withdrawn(named=(("pair", "p-0002"),))
    for backend, plan in (
        (Counting(works=False), PLAN),
        (object(), PLAN),
        (Counting(), Plan(base_model="hub/x", config=TrainingConfig())),
    ):
        found = measured(tmp_path, backend, plan, withdrawn=named)
        assert (found.is_estimate, found.pairs, found.eligible) == (True, 10, 10)
        assert max(found.lengths.counts) == -(-(400 + len("queue 1")) // 4) + 2 * 4
