"""Decisions about tainted versions, in a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training_pipeline.schemas.decision import Decision, DecisionPage


def decision_of(found: Decision) -> RenderableType:
    """One decision, as it was recorded."""
    head = Text.assemble((f"Decision {found.number}", "bold"), f"  {found.model_name} {found.model_version}: ")
    head.append(found.decision.replace("_", " "), "bold")
    due = f", due {found.due}" if found.due else ""
    head.append(f"\n{found.reason}\nby {found.actor}{due}; taints: {', '.join(found.revocation_ids)}\n")
    if not found.in_force:
        head.append("It is a proposal: it holds once a second steward has decided the same.\n", "yellow")
    head.append(f"hash {found.hash}", "dim")
    return head


def page_of(page: DecisionPage) -> RenderableType:
    """A list of decisions, newest first."""
    if not page.decisions:
        return Text("Nothing was decided.")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("no.", "model", "version", "decision", "holds", "by", "due", "reason"):
        table.add_column(column, overflow="fold")
    for one in page.decisions:
        due = str(one.due or "-")
        table.add_row(
            str(one.number),
            Text(one.model_name),
            one.model_version,
            one.decision.replace("_", " "),
            "yes" if one.in_force else "void" if one.expired else "-",
            Text(one.actor),
            due,
            Text(one.reason),
        )
    if page.next_cursor is None:
        return table
    return Group(table, Text(f"{page.total:,} in all; more with --cursor {page.next_cursor}", "dim"))
