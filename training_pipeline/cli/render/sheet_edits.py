"""Edits of training sheets, for a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training_pipeline.schemas.sheet_edit import TrainingSheetEdit, TrainingSheetEdits


def edit_of(made: TrainingSheetEdit) -> RenderableType:
    """An edit: what it did to each pair, and the version that came of it."""
    what = f"Edit {made.number}" if made.undoes is None else f"Edit {made.number} undid edit {made.undoes}"
    pairs = "1 pair" if made.pairs == 1 else f"{made.pairs:,} pairs"
    lines = [Text(f"{what}: {pairs}. The sheet's version is now {made.new_digest[:12]}.")]
    lines += [Text(f"  {pair.pair_id}: {pair.changed}") for pair in made.edited]
    if made.pairs > len(made.edited):
        lines.append(Text(f"  and {made.pairs - len(made.edited):,} more", style="dim"))
    return Group(*lines)


def edits_of(found: TrainingSheetEdits) -> RenderableType:
    """A line for each edit, and whether the sheet can be edited here."""
    parts: list[RenderableType] = []
    if found.not_editable_because:
        parts.append(Text(f"{found.not_editable_because} {found.edit_at or ''}".strip(), style="dim"))
    if not found.edits:
        return Group(*parts, Text("Nobody edited its pairs."))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("no.", "when", "who", "pairs", "what", "state"):
        table.add_column(column, overflow="fold")
    for one in found.edits:
        table.add_row(
            str(one.number),
            f"{one.created_at:%Y-%m-%d %H:%M}",
            Text(one.actor),
            Text(named(one)),
            Text(changes(one)),
            state(one),
        )
    shown = [] if found.total == len(found.edits) else [Text(f"{len(found.edits)} of {found.total:,} edits")]
    return Group(*parts, table, *shown)


def named(edit: TrainingSheetEdit) -> str:
    """The first pairs of an edit by name, and how many more there are. Pure."""
    shown = [pair.pair_id for pair in edit.edited[:3]]
    return ", ".join(shown) + (f" and {edit.pairs - len(shown):,} more" if edit.pairs > len(shown) else "")


def changes(edit: TrainingSheetEdit) -> str:
    """What an edit did, each change once. Pure."""
    said = list(dict.fromkeys(pair.changed for pair in edit.edited))
    more = f"; and {len(said) - 3} other changes" if len(said) > 3 else ""
    undo = "" if edit.undoes is None else f"undid {edit.undoes}: "
    return undo + "; ".join(said[:3]) + more


def state(edit: TrainingSheetEdit) -> str:
    """What became of an edit, in words. Pure."""
    if edit.undone_by is not None:
        return f"undone by {edit.undone_by}"
    return {"applied": "in effect", "abandoned": "did not take effect"}.get(edit.state, "not known")
