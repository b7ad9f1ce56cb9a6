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


class Asked:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Count:
        self.times += 1
        return Count(count=self.times)


def test_a_finding_is_made_once_for_all_that_it_depends_on(tmp_path: Path) -> None:
    asked = Asked()
    findings = SheetFindings(tmp_path / "kept", GatePolicy())
    assert findings.find(Count, "a" * 64, asked).count == 1
    assert findings.find(Count, "a" * 64, asked).count == 1
    assert findings.find(Count, "b" * 64, asked).count == 2
    assert findings.find(Count, "a" * 64, asked, told="model").count == 3
    assert findings.find(Count, "a" * 64, asked, withdrawn=Withdrawn(named=(("pair", "p"),))).count == 4
    assert (
        SheetFindings(tmp_path / "kept", GatePolicy(instruction_prompt_items=7)).find(Count, "a" * 64, asked).count == 5
    )
    assert SheetFindings(tmp_path / "kept", GatePolicy()).find(Count, "a" * 64, asked).count == 1
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "kept").iterdir()} == {0o600}


def test_a_broken_file_is_made_anew_and_old_ones_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked()
    findings = SheetFindings(tmp_path, GatePolicy())
    findings.find(Count, "a" * 64, asked)
    next(tmp_path.iterdir()).write_text("{")
    assert findings.find(Count, "a" * 64, asked).count == 2
    monkeypatch.setattr(sheet_findings, "MOST_KEPT", 2)
    for digest in "bcd":
        findings.find(Count, digest * 64, asked)
    assert len(list(tmp_path.iterdir())) == 2
