"""Figures of scores and the answer of a gate, in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training_pipeline.models.evaluation.figures import Figure
from training_pipeline.models.promotion.gate import Decision, Verdict

_STYLES: Final = {Verdict.SHIP: "green", Verdict.DO_NOT_SHIP: "red", Verdict.NOT_ENOUGH_EVIDENCE: "yellow"}


def figures_of(found: Sequence[Figure]) -> RenderableType:
    """A line for each figure."""
    if not found:
        return Text("No pair has a score.")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("metric", "of", "mean", f"{found[0].value.level * 100:.4g} % interval", "pairs"):
        table.add_column(column, justify="right" if column in {"mean", "pairs"} else "left", overflow="fold")
    for each in found:
        value = each.value
        bounds = f"{value.lower:.4g} to {value.upper:.4g}"
        of = str(each.of) if each.of else "all"
        table.add_row(each.metric, Text(of), f"{value.estimate:.4g}", bounds, f"{value.n:,}")
    return table


def decision_of(decision: Decision) -> RenderableType:
    """The verdict, and what it rests on."""
    parts: list[RenderableType] = [Text(decision.verdict, style=f"bold {_STYLES[decision.verdict]}")]
    for finding in decision.findings:
        more = f"; about {finding.more_pairs:,} pairs more would settle it" if finding.more_pairs else ""
        mark = {Verdict.SHIP: "yes", Verdict.DO_NOT_SHIP: "no "}.get(finding.verdict, "?  ")
        style = _STYLES[finding.verdict]
        parts.append(Text.assemble((f"  {mark}  ", style), finding.asked, (f": {finding.reason}{more}", "dim")))
    return Group(*parts)
