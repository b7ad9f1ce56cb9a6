from __future__ import annotations

from pathlib import Path
from typing import Any

from training_pipeline.sheets.diff import ChangedPair, diff
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.testing.sheets.imports import import_rows


def row(pair_id: str, **more: Any) -> dict[str, Any]:
    return {
        "pair_id": pair_id,
        "item_ref": "i",
        "question": f"q {pair_id}",
        "answer": "a",
        "reviewed_by": "ann",
        **more,
    }


def test_what_changed_and_how(tmp_path: Path) -> None:
    kept = {"label_allowed_uses": ["training"]}
    old = [row("same"), row("gone"), row("text"), row("old name", question="one"), row("who"), row("label", **kept)]
    new = [
        row("same"),
        row("text", answer="b", item_ref="j"),
        row("new name", question="one"),
        row("who", reviewed_by="bo"),
        row("label", label_allowed_uses=["testing"]),
        row("fresh"),
    ]
    for name, rows in (("old", old), ("new", new)):
        import_rows(tmp_path, rows, id=name, status="labeled")
    sheets = FileTrainingSheets([tmp_path / "in"], threads=1)
    with sheets.open("old") as before, sheets.open("new") as after:
        found = diff(before, after)
        short = diff(before, after, limit=2)
        nothing = diff(before, before)
    assert found.pairs == (
        ChangedPair("fresh", None, ("added",)),
        ChangedPair("gone", None, ("removed",)),
        ChangedPair("label", None, ("uses",)),
        ChangedPair("new name", "old name", ("renamed",)),
        ChangedPair("text", None, ("edited", "item")),
        ChangedPair("who", None, ("decided",)),
    )
    assert {change: count for change, count in found.counts.items() if count} == {
        **dict.fromkeys(("added", "removed", "edited", "renamed", "uses", "item", "decided"), 1)
    }
    assert (short.pairs, short.total) == (found.pairs[:2], 6)
    assert (nothing.pairs, nothing.total) == ((), 0)
