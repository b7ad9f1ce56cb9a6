from __future__ import annotations

import pytest

from training_pipeline.domain.advice.item import AdviceRecord, advised, noted, warned
from training_pipeline.domain.advice.rules import SOURCES, VERSION


@pytest.mark.parametrize(
    ("current", "low", "high", "taken"),
    [
        (3, None, None, True),
        (4, None, None, False),
        (2, 2, None, True),
        (1, 2, None, False),
        (9, 2, 8, False),
        ("auto", 2, 8, False),
        (None, 2, 8, False),
    ],
)
def test_what_counts_as_taken(current: int | str | None, low: float | None, high: float | None, taken: bool) -> None:
    found = advised("epochs", "Why.", field="epochs", value=3, current=current, low=low, high=high)
    assert found.taken is taken
    assert found.source == SOURCES["cookbook"].title


def test_a_record_is_read_as_it_was_written() -> None:
    record = AdviceRecord(
        advice=(warned("few_steps", "Few."), noted("lora_targets", "All.", value="all linear layers"))
    )
    assert AdviceRecord.model_validate_json(record.model_dump_json()) == record
    assert record.rules_version == VERSION
