"""Earlier versions of a training sheet, and what changed between two of them, in a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training_pipeline.cli.render.job import facts
from training_pipeline.cli.render.jobs import go_on
from training_pipeline.domain.sheet_change import MEANINGS
from training_pipeline.schemas.sheet_versions import TrainingSheetDiff, TrainingSheetVersions


def sheet_versions(found: TrainingSheetVersions) -> RenderableType:
    """The versions, the newest first."""
    if not found.versions:
        return Text(f"No earlier version of {found.training_sheet_id} was kept.")
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("version", no_wrap=True)
    table.add_column("replaced")
    for version in found.versions:
        table.add_row(Text(version.name), f"{version.kept_at:%Y-%m-%d %H:%M} UTC")
    return table


def sheet_diff(found: TrainingSheetDiff, *, first_page: bool) -> RenderableType:
    """How many pairs changed in each way, and the page of them. Later pages have the pairs alone."""
    parts: list[RenderableType] = []
    if first_page and any(found.counts.values()):
        counts = facts()
        for change, meaning in MEANINGS.items():
            if count := found.counts.get(change, 0):
                counts.add_row(change, f"{count:,}", Text(meaning, style="dim"))
        parts.append(counts)
    elif first_page:
        parts.append(Text("Nothing changed."))
    for pair in found.pairs:
        was = f" (was {pair.was})" if pair.was else ""
        parts.append(Text(f"{pair.pair_id}{was}: {', '.join(pair.changes)}", style="dim"))
    if found.next_cursor:
        parts.append(go_on(f"Next page: --cursor {found.next_cursor}"))
    return Group(*parts) if parts else Text("No pairs.")
