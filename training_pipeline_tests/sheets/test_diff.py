from __future__ import annotations

from pathlib import Path
from typing import Any

from training_pipeline.domain.sheet_change import SheetChange
from training_pipeline.sheets.diff import ChangedPair, diff
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.testing.sheets.imports import import_rows
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet


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
    for name, pairs in (("old", old), ("new", new)):
        import_rows(tmp_path, pairs, id=name, status="labeled")
    sheets = FileTrainingSheets([tmp_path / "in"], threads=1)
    with sheets.open("old") as before, sheets.open("new") as after:
        found = diff(before, after)
        short = diff(before, after, limit=2)
        nothing = diff(before, before)
        only = [
            diff(before, after, changes=[SheetChange.USES, SheetChange.ITEM], after=start, limit=1)
            for start in range(3)
        ]
    assert found.pairs == (
        ChangedPair("fresh", None, (SheetChange.ADDED,)),
        ChangedPair("gone", None, (SheetChange.REMOVED,)),
        ChangedPair("label", None, (SheetChange.USES,)),
        ChangedPair("new name", "old name", (SheetChange.RENAMED,)),
        ChangedPair("text", None, (SheetChange.EDITED, SheetChange.ITEM)),
        ChangedPair("who", None, (SheetChange.DECIDED,)),
    )
    assert {change: count for change, count in found.counts.items() if count} == {
        **dict.fromkeys(("added", "removed", "edited", "renamed", "uses", "item", "decided"), 1)
    }
    assert (short.pairs, short.total) == (found.pairs[:2], 6)
    assert (nothing.pairs, nothing.total) == ((), 0)
    assert [(one.total, [pair.pair_id for pair in one.pairs]) for one in only] == [
        (2, ["label"]),
        (2, ["text"]),
        (2, []),
    ]
    assert {tuple(one.counts.items()) for one in only} == {tuple(found.counts.items())}


def test_pairs_are_named_as_people_count(tmp_path: Path) -> None:
    import_rows(tmp_path, [row("p-3")], id="old", status="labeled")
    import_rows(tmp_path, [row(f"p-{number}") for number in (10, 2, 100, 1)], id="new", status="labeled")
    sheets = FileTrainingSheets([tmp_path / "in"], threads=1)
    with sheets.open("old") as before, sheets.open("new") as after:
        found = diff(before, after)
    assert [one.pair_id for one in found.pairs] == ["p-1", "p-2", "p-3", "p-10", "p-100"]


def test_a_renamed_pair_shows_what_else_changed_and_a_copy_of_it_is_added(tmp_path: Path) -> None:
    (old,) = rows(1, pair_id="a")
    changed = {"allowed_uses": ["testing"], "item_ref": "j", "reviewed_by": "bo", "status": "rejected"}
    write_sheet(tmp_path, "old", [old])
    write_sheet(tmp_path, "new", [{**old, **changed, "pair_id": "b"}, {**old, "pair_id": "c"}])
    sheets = FileTrainingSheets([tmp_path], threads=1)
    with sheets.open("old") as before, sheets.open("new") as after:
        there, back = diff(before, after), diff(after, before)
    every = (SheetChange.RENAMED, SheetChange.STATUS, SheetChange.USES, SheetChange.ITEM, SheetChange.DECIDED)
    assert there.pairs == (ChangedPair("b", "a", every), ChangedPair("c", None, (SheetChange.ADDED,)))
    assert back.pairs == (ChangedPair("a", "b", every), ChangedPair("c", None, (SheetChange.REMOVED,)))
