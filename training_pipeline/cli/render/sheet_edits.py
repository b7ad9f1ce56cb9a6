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
        return Group(*parts, Text("No edits yet."))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("no.", "when", "who", "pairs", "what", "state"):
        table.add_column(column, overflow="fold")
    for one in found.edits:
        table.add_row(
            str(one.number),
            f"{one.created_at:%Y-%m-%d %H:%M}",
            Text(one.actor),
            Text(one.names),
            Text(one.what),
            one.became,
        )
    shown = [] if found.total == len(found.edits) else [Text(f"{len(found.edits)} of {found.total:,} edits")]
    return Group(*parts, table, *shown)
