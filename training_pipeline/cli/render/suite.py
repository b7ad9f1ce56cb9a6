"""Evaluation suites in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training_pipeline.cli.render.lineage import SHORT

if TYPE_CHECKING:
    from training_pipeline.schemas.suite import Suite, SuiteCheck, Suites

#: So many pairs are named.
_NAMED: Final = 20


def suites_of(found: Suites) -> RenderableType:
    """A line for each suite."""
    if not found.suites:
        return Text("There are no suites.")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("suite", "pairs", "sheets", "digest", "made by"):
        table.add_column(column, justify="right" if column == "pairs" else "left", overflow="fold")
    for suite in found.suites:
        sheets = ", ".join(sheet.training_sheet_id for sheet in suite.sheets)
        table.add_row(suite.name, f"{suite.pairs:,}", sheets, suite.digest[:SHORT], Text(suite.created_by))
    return table


def suite_of(suite: Suite) -> RenderableType:
    """A suite, sheet by sheet."""
    head = Text.assemble((suite.name, "bold"), f"  {suite.pairs:,} pairs  ", (suite.digest[:SHORT], "cyan"))
    parts: list[RenderableType] = [head]
    for sheet in suite.sheets:
        counts = f"{sheet.total:,} pairs = {sheet.pairs:,} in the suite + {sum(sheet.excluded.values()):,} excluded"
        parts.append(Text.assemble(("training sheet  ", "dim"), f"{sheet.training_sheet_id}  {counts}"))
        parts += _counted(sheet.excluded, "")
    if suite.aged is not None:
        left = suite.pairs - sum(suite.aged.values())
        style = "" if not suite.aged else "yellow" if left else "red"
        parts.append(Text(f"{left:,} of {suite.pairs:,} pairs may be evaluated on as they were frozen", style=style))
        parts += _counted(suite.aged, "aged: ")
    elif suite.not_counted is not None:
        parts.append(Text(f"How many have aged is not known: {suite.not_counted}", style="yellow"))
    return Group(*parts)


def check_of(found: SuiteCheck) -> RenderableType:
    """What a model has seen of a suite."""
    refused, aged = sum(found.refused.values()), sum(found.aged.values())
    parts: list[RenderableType] = [
        Text(f"{found.asked:,} pairs = {found.evaluated:,} to evaluate + {refused:,} refused + {aged:,} aged"),
        *_counted(found.refused, "refused: "),
        *_counted(found.aged, "aged: "),
        *_counted(found.reported, "evaluated nevertheless: "),
    ]
    for pair in found.pairs[:_NAMED]:
        parts.append(Text(f"  {pair.training_sheet_id}  {pair.pair_id}  {pair.finding}  in {pair.job_id}"))
    if len(found.pairs) > _NAMED:
        parts.append(Text(f"  and {len(found.pairs) - _NAMED:,} more", style="dim"))
    if not found.is_ancestry_known:
        said = f"What {found.jobs[-1]} was trained from is not recorded, so what that model has seen is unknown."
        parts.append(Text(said, style="yellow"))
    if not found.evaluated:
        parts.append(Text("No pair is left to evaluate on.", style="red"))
    return Group(*parts)


def _counted(counts: Mapping[str, int], what: str) -> list[RenderableType]:
    return [Text(f"  {what}{reason}  {count:,}") for reason, count in counts.items()]
