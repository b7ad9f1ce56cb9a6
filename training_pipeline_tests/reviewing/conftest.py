from __future__ import annotations

from pathlib import Path

import pytest

from training_pipeline.reviewing.edits import SheetEdits
from training_pipeline.reviewing.log import EditLog
from training_pipeline.testing.sheets.imports import import_rows
from training_pipeline.training_jobs.store.jobs import JobStore


@pytest.fixture
def edits(store: JobStore, tmp_path: Path) -> SheetEdits:
    """Edits of a sheet `s` of six unlabeled pairs, the last of which has a label that allows no training."""
    rows = [
        {
            "pair_id": f"p-{number}",
            "item_ref": f"item-{number}",
            "question": f"Which desk takes case {number}?",
            "answer": f"desk {number}",
            "label_allowed_uses": ["evaluation"] if number == 5 else None,
        }
        for number in range(6)
    ]
    import_rows(tmp_path, rows, status="unlabeled", mapping={"columns": {"label_allowed_uses": ["label_allowed_uses"]}})
    return SheetEdits(EditLog(store), tmp_path / "in")
