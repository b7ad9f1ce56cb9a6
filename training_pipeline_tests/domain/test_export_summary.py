"""The table of reasons shows every count and adds up."""

from __future__ import annotations

from typing import Any

import pytest

from training_pipeline.domain.export_summary import ExportSummary, ReasonCount
from training_pipeline.domain.rules.policy import Reason


def summary(**values: Any) -> ExportSummary:
    facts: dict[str, Any] = {
        "total": 100,
        "labeled": 85,
        "training_allowed": 70,
        "training_prohibited": 15,
        "eligible": 70,
        "excluded": {
            **dict.fromkeys(Reason, 0),
            Reason.UNLABELED: 10,
            Reason.REJECTED: 5,
            Reason.TRAINING_PROHIBITED: 15,
        },
        "reasons": (
            ReasonCount(reason=Reason.TRAINING_PROHIBITED, usage_reason="PHI | scans", count=12),
            ReasonCount(reason=Reason.TRAINING_PROHIBITED, usage_reason="test set", count=3),
        ),
        "classifications": {"internal": 70},
        "approvers": {"grace": 70},
    }
    return ExportSummary(**{**facts, **values})


def test_text_for_an_error_message() -> None:
    lines = summary().to_text().splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["total", "100"],
        ["unlabeled", "10"],
        ["rejected", "5"],
        ["training_prohibited", "15"],
        ["included", "70"],
    ]


@pytest.mark.parametrize("values", [{"total": 101}, {"eligible": 69}, {"training_allowed": 71}])
def test_numbers_that_do_not_add_up_are_not_shown(values: dict[str, int]) -> None:
    with pytest.raises(AssertionError):
        summary(**values).to_text()


def test_travels_as_json() -> None:
    assert ExportSummary.model_validate_json(summary().model_dump_json()) == summary()
