"""What differs between two training jobs, in a terminal: counts, what else differs, and a page of pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training_pipeline.cli.render.job import facts
from training_pipeline.cli.render.jobs import go_on
from training_pipeline.cli.render.values import shortened
from training_pipeline.domain.pair_change import MEANINGS, PairChange

if TYPE_CHECKING:
    from training_pipeline.schemas.diff import PairDifference, TrainingJobDiff
    from training_pipeline.schemas.lineage import LineagePair


def job_diff(found: TrainingJobDiff, *, first_page: bool) -> RenderableType:
    """The counts and the differing fields before the first page of pairs, the pairs alone on a later one."""
    parts: list[RenderableType] = [*_summary(found)] if first_page else []
    if found.pairs:
        parts += [Text(), _pairs(found.pairs)]
    if found.next_cursor:
        parts.append(go_on(f"Next page: --cursor {found.next_cursor}"))
    return Group(*parts) if parts else Text("No pairs.")


def _summary(found: TrainingJobDiff) -> list[RenderableType]:
    counts = facts()
    for change in PairChange:
        count = getattr(found.counts, change)
        counts.add_row(change, "not known" if count is None else f"{count:,}", Text(MEANINGS[change], style="dim"))
    if not found.fields:
        return [counts, Text("Nothing else differs.", style="dim")]
    fields = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("what else differs", found.first_job_id, found.second_job_id):
        fields.add_column(title, overflow="fold")
    for field in found.fields:
        fields.add_row(field.field, Text(shortened(field.before)), Text(shortened(field.after)))
    return [counts, Text(), fields]


def _pairs(pairs: list[PairDifference]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("pair", no_wrap=True)
    for title in ("change", "before", "after", "decided by"):
        table.add_column(title, no_wrap=True, overflow="ellipsis")
    for pair in pairs:
        names = pair.pair_id
        if pair.before and pair.before.pair_id not in (None, pair.pair_id):
            names = f"{pair.before.pair_id} → {pair.pair_id}"
        decided = pair.after or pair.before
        table.add_row(Text(names), ", ".join(pair.changes), _side(pair.before), _side(pair.after), Text(_who(decided)))
    return table


def _side(pair: LineagePair | None) -> str:
    return "not in the sheet" if pair is None else pair.split or pair.reason or "-"


def _who(pair: LineagePair | None) -> str:
    """Who set its constraints, else who reviewed it."""
    if pair is None:
        return "-"
    name, at = pair.constraints_set_by, pair.constraints_set_at
    if name is None:
        name, at = pair.reviewed_by, pair.reviewed_at
    return "not recorded" if name is None else f"{name}, {at}" if at else name
