"""Decisions about aliases, for a terminal."""

from __future__ import annotations

from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training_pipeline.models.promotion.gate import Verdict
from training_pipeline.schemas.promotion import ModelPromotion, ModelPromotions

_STYLES: Final = {Verdict.SHIP: "green", Verdict.DO_NOT_SHIP: "red", Verdict.NOT_ENOUGH_EVIDENCE: "yellow"}
_MARKS: Final = {Verdict.SHIP: "yes", Verdict.DO_NOT_SHIP: "no ", Verdict.NOT_ENOUGH_EVIDENCE: "?  "}


def promotion_of(made: ModelPromotion) -> RenderableType:
    """A decision: the verdict and what it rests on, and where the alias is."""
    parts: list[RenderableType] = []
    if made.verdict is not None:
        parts.append(Text(made.verdict, style=f"bold {_STYLES[made.verdict]}"))
    for finding in made.findings:
        more = f"; about {finding.more_pairs:,} pairs more would settle it" if finding.more_pairs else ""
        mark, style = _MARKS[finding.verdict], _STYLES[finding.verdict]
        parts.append(Text.assemble((f"  {mark}  ", style), finding.asked, (f": {finding.reason}{more}", "dim")))
    return Group(*parts, Text(_moved(made)))


def promotions_of(found: ModelPromotions) -> RenderableType:
    """A line for each decision."""
    if not found.promotions:
        return Text("No alias of this model has been moved or decided on yet.")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("no.", "alias", "what", "version", "verdict", "moved", "by", "reason"):
        table.add_column(column, overflow="fold")
    for one in found.promotions:
        table.add_row(
            str(one.number),
            one.alias,
            one.kind.replace("_", " "),
            f"{one.previous_version or 'none'} to {one.model_version or 'none'}",
            one.verdict or "",
            "yes" if one.moved_at else "waits" if one.waits else "void" if one.expired else "no",
            Text(one.actor),
            Text(one.reason),
        )
    return table


def _moved(made: ModelPromotion) -> str:
    if made.moved_at is None:
        where = f"is version {made.previous_version}" if made.previous_version else "names no version"
        waits = f" It needs the approval of a person other than {made.actor}." if made.waits else ""
        return f"{made.alias} of {made.model_name} still {where}. Decision {made.number}.{waits}"
    if made.model_version is None:
        return f"{made.alias} of {made.model_name} names no version now. Decision {made.number}."
    return f"{made.alias} of {made.model_name} is version {made.model_version} now. Decision {made.number}."
