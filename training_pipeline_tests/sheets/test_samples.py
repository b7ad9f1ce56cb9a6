"""The bundled sample sheet: what the script makes, and what the gates make of it."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

import training_pipeline
from training_pipeline.datasets.summary import export_summary
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.sheets.files.checking import check
from training_pipeline.sheets.files.source import SAMPLES, FileTrainingSheets

SCRIPT = Path(training_pipeline.__file__).parent.parent / "scripts" / "make_sample_sheet.py"
SHEETS = FileTrainingSheets([SAMPLES], threads=1)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_sample_sheet", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_committed_files_are_what_the_script_writes(script: ModuleType, tmp_path: Path) -> None:
    script.main(tmp_path)
    for name in ("sheet-123.yaml", "sheet-123.jsonl"):
        assert (tmp_path / name).read_bytes() == (SAMPLES / name).read_bytes()


def test_every_pair_is_counted_as_the_script_says() -> None:
    with SHEETS.open("sheet-123") as opened:
        summary = export_summary(opened, GatePolicy())
    assert (summary.total, summary.eligible) == (440, 310)
    assert {reason: count for reason, count in summary.excluded.items() if count} == {
        Reason.UNLABELED: 24,
        Reason.REJECTED: 10,
        Reason.FLAGGED: 8,
        Reason.TRAINING_NOT_ALLOWED: 34,
        Reason.TRAINING_PROHIBITED: 40,
        Reason.IDENTICAL_TO_PROHIBITED: 3,
        Reason.HELD_OUT_PROMPT: 4,
        Reason.DUPLICATE: 7,
    }
    assert (summary.labeled, summary.training_allowed, summary.training_prohibited) == (398, 324, 74)
    stated = {(row.reason, row.usage_reason): row.count for row in summary.reasons}
    assert stated[Reason.TRAINING_PROHIBITED, "contains PHI"] == 40
    assert stated[Reason.TRAINING_NOT_ALLOWED, "held-out test set"] == 30
    warnings = {warning.code: warning.count for warning in summary.warnings}
    assert warnings == {"item_held_out": 2, "validation_not_permitted": 8, "near_held_out": 1}


def test_statuses_and_labels_of_the_included_pairs(script: ModuleType) -> None:
    rows = list(script.pairs())
    included = rows[:308] + rows[338:340]  # after 30 held-out pairs come two that share an item with one of them
    assert Counter(row["status"] for row in included) == {"labeled": 280, "edited": 20, "approved": 10}
    assert sum("canonical_label_id" in row for row in included) == 96
    answers = {row["messages"][1]["content"] for row in included}
    assert len(answers) == 8
    assert all(1 <= len(answer.split()) <= 4 for answer in answers)


def test_the_sample_has_no_errors() -> None:
    files = SHEETS.files("sheet-123")
    report = check(files.data, files.head)
    assert report.errors == 0
    assert report.counts == {"duplicate_example": 10, "missing_allowed_uses": 4, "missing_prohibited_uses": 4}
