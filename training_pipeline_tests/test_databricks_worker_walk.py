"""What a worker of Databricks may meet: it ends before GPUs are paid for where it can, and says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from training_pipeline.testing.databricks.worker_walk import (
    CALLS,
    FAULTS,
    MEETS,
    TOKEN,
    all_cells,
    in_page,
    outcome,
    row,
    table,
)
from training_pipeline.testing.soak import SOAKING, diagonals

PAGE = Path(__file__).parent.parent / "docs" / "databricks.md"
#: Each call, and each fault; `make soak` walks all of them.
SLICE = diagonals(all_cells(), 4, lambda cell: cell[0], lambda cell: cell[1])

pytestmark = [pytest.mark.slow, pytest.mark.soak]


def test_whatever_a_worker_meets_ends_as_the_page_says(tmp_path: Path) -> None:
    told = in_page(PAGE.read_text())
    met = [outcome(tmp_path / str(number), what) for number, what in enumerate(MEETS)]
    cells = all_cells() if SOAKING else SLICE
    called = [outcome(tmp_path / f"call-{number}", *cell) for number, cell in enumerate(cells)]
    for one in (*met, *called):
        assert TOKEN not in one.said + one.log, one
        assert "unexpectedly" not in one.said, one
        assert "\n" not in one.said, one
    for one in met:
        assert one.said, one
        assert row(one) in told, "run scripts/write_databricks_faults.py worker"
    for one in called:  # what only tells more of a grant stops nothing
        assert one.trained == (one.what not in CALLS[:2] or (one.what, one.fault) == ("models/get", "vanished")), one
        assert one.trained == (not one.said), one
    assert not SOAKING or table(met, called) == told, "run scripts/write_databricks_faults.py worker"
    assert {fault for _, fault in SLICE} == set(FAULTS)
