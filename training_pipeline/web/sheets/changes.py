"""What changed between two versions of a training sheet, or would change: counts, and the first pairs by their ids."""

from __future__ import annotations

from typing import Final

from training_pipeline.domain.sheet_change import MEANINGS, SheetChange
from training_pipeline.schemas.sheet_import import ImportChanges
from training_pipeline.schemas.sheet_versions import TrainingSheetDiff
from training_pipeline.web import formats
from training_pipeline.web.elements import Tag, small_table

#: So many are shown without being asked.
_AT_ONCE: Final = 10


def show_changes(title: str, found: TrainingSheetDiff | ImportChanges) -> None:
    """The counts, and the pairs: many of them on demand. Never their text."""
    Tag("h3", f"{title}: {formats.count(found.total)} {'pair' if found.total == 1 else 'pairs'}")
    told = ", ".join(f"{count:,} {change}" for change, count in found.counts.items() if count)
    if told:
        Tag("p", told, classes="muted")
    if found.pairs:
        with Tag("details", open=len(found.pairs) <= _AT_ONCE or None):
            Tag("summary", "Which pairs")
            with small_table("Changes", ("Pair", "Was", "What changed")):
                for pair in found.pairs:
                    with Tag("tr"):
                        Tag("td", pair.pair_id, classes="mono")
                        Tag("td", pair.was or formats.NONE, classes="mono")
                        Tag("td", " ".join(MEANINGS[SheetChange(change)] for change in pair.changes))
            if found.total > len(found.pairs):
                Tag("p", f"and {found.total - len(found.pairs):,} more", classes="muted")
