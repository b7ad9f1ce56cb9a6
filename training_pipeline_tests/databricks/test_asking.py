"""Every fault at the calls to Databricks that belong to no job: an answer, or what was wrong, in words for people."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from training_pipeline.testing.databricks.asking_walk import CALLS, FAULTS, PASSWORD, in_page, outcome, table

PAGE = Path(__file__).parents[2] / "docs" / "databricks.md"


@pytest.mark.slow
def test_every_fault_at_every_call_without_a_job_ends_as_the_page_says(tmp_path: Path) -> None:
    cells = [(call, fault) for call in CALLS for fault in FAULTS]
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda cell: outcome(tmp_path, *cell), cells))
    for one in outcomes:
        assert one.struck == 1, one
        assert not one.said or "Databricks" in one.said, one
        assert "tok:" not in one.said, "a password is not said"
        assert "hf_secret" not in one.said
        # Nobody waits for an answer here, as a job does: what is refused is said at once, with the remedy. A folder
        # that is not there is an empty one, and a workspace without links to its storage does without.
        fine = {"vanished"} if one.call in {"fs/directories/list", "fs/create-download-url"} else set()
        assert one.said or one.fault not in {"unauthenticated", "forbidden", "forbidden_page", "vanished"} - fine, one
    (forbidden,) = (one for one in outcomes if one.call == PASSWORD and one.fault == "forbidden")
    assert "CAN USE on the database instance" in forbidden.said
    assert in_page(PAGE.read_text()) == table(outcomes), "run scripts/write_databricks_faults.py asks"
