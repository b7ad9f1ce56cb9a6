from __future__ import annotations

import stat
from pathlib import Path

import pytest
from pydantic import BaseModel

from training_pipeline.datasets import sheet_findings
from training_pipeline.datasets.sheet_findings import SheetFindings
from training_pipeline.domain.revocations import Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy


class Count(BaseModel):
    count: int


def test_a_finding_holds_for_all_that_it_depends_on(tmp_path: Path) -> None:
    findings = SheetFindings(tmp_path / "kept", GatePolicy())
    revoked = Withdrawn(named=(("pair", "p"),))
    findings.keep(Count(count=1), "a" * 64)
    findings.keep(Count(count=2), "a" * 64, told="model")
    findings.keep(Count(count=3), "a" * 64, withdrawn=revoked)
    again = SheetFindings(tmp_path / "kept", GatePolicy())
    assert again.known(Count, "a" * 64) == Count(count=1)
    assert again.known(Count, "a" * 64, told="model") == Count(count=2)
    assert again.known(Count, "a" * 64, withdrawn=revoked) == Count(count=3)
    assert again.known(Count, "b" * 64) is None
    assert SheetFindings(tmp_path / "kept", GatePolicy(instruction_prompt_items=7)).known(Count, "a" * 64) is None
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "kept").iterdir()} == {0o600}


def test_a_broken_file_says_nothing_and_old_ones_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    findings = SheetFindings(tmp_path, GatePolicy())
    findings.keep(Count(count=1), "a" * 64)
    next(tmp_path.iterdir()).write_text("{")
    assert findings.known(Count, "a" * 64) is None
    monkeypatch.setattr(sheet_findings, "MOST_KEPT", 2)
    for digest in "bcd":
        findings.keep(Count(count=1), digest * 64)
    assert len(list(tmp_path.iterdir())) == 2
